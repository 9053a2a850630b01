import { createHash } from 'node:crypto';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { PoolConfig } from './config.ts';
import { poolPassword } from './pool-password.ts';

/** The digests, in hex, of the passwords that sign in as `user`, in the order of the file. `pool`: with its users, as workers have it. */
export function passwordDigests(pool: PoolConfig, user: string): readonly string[] {
  const named = pool.users?.find(({ name }) => name === user);
  if (named !== undefined) return named.digests;
  const own = poolPassword(pool);
  if (own === null) return [];
  const { name, password } = PROTOCOL_TRAITS[pool.protocol].access.credentials(own);
  return name === user ? [createHash('sha256').update(password).digest('hex')] : [];
}
