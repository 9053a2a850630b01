import { addressText } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import { migrationAuth } from '../../protocol/redis/migration-traits.ts';
import { withoutPassword } from '../../protocol/said-traits.ts';
import type { Reached } from '../key-owners.ts';
import { MoveTrouble } from '../protocol-mover.ts';
import type { RedisConnection } from './redis-connection.ts';
import { ErrorReply, type Reply } from './redis-reply.ts';

/** A target that says nothing for so long: its source waits for it, and serves nobody meanwhile. */
const LEAST_TIMEOUT_MS = 1000;

const PROBE_LIFE_MS = 10_000;

export interface Migration {
  /** Of the source, with `database` selected. */
  readonly source: RedisConnection;
  readonly pool: PoolConfig;
  readonly target: Reached;
  readonly database: number;
}

/**
 * Has the source move these keys to the target; a key that the target has already is its own: what the source has is what an
 * interrupted move has left there. Rejects with a MoveTrouble; then each key is here, there, or on both.
 */
export async function migrate(migration: Migration, keys: readonly Buffer[], stepMs: number): Promise<void> {
  const reply = await asked(migration, keys, stepMs);
  if (!isBusy(reply)) return refuseError(migration, reply);
  // Of several keys it moves what it can, and does not say which were there.
  for (const key of keys) {
    const single = await asked(migration, [key], stepMs);
    if (isBusy(single)) await migration.source.need('DEL', key);
    else refuseError(migration, single);
  }
}

/** Of a try. `untried`: the source has no memory for the key. */
export type ProbeResult = 'moved' | 'untried' | { readonly why: string };

/** Whether a key can be moved from here to there; tries it with one that nobody has. Rejects with a MoveTrouble. */
export async function probeMigration(migration: Migration, key: Buffer): Promise<ProbeResult> {
  const { source, target } = migration;
  const { address, credentials } = target;
  if ('path' in address) return { why: 'MIGRATE knows no unix sockets' };
  // Should it be lost on its way it does not stay.
  const set = await source.ask('SET', key, 'probe', 'PX', PROBE_LIFE_MS);
  if (set instanceof ErrorReply) return set.text.startsWith('OOM') ? 'untried' : { why: set.text };
  const reply = await asked(migration, [key], 0);
  if (!(reply instanceof ErrorReply)) return 'moved';
  await source.ask('DEL', key);
  return { why: withoutPassword(reply.text, credentials) };
}

function asked({ source, target, database }: Migration, keys: readonly Buffer[], stepMs: number): Promise<Reply> {
  const { address, credentials } = target;
  if ('path' in address) throw new MoveTrouble(`${address.path}: MIGRATE knows no unix sockets`);
  const timeoutMs = Math.max(LEAST_TIMEOUT_MS, Math.ceil(stepMs * 10));
  const auth = credentials === null ? [] : migrationAuth(credentials);
  return source.ask('MIGRATE', address.host, address.port, '', database, timeoutMs, ...auth, 'KEYS', ...keys);
}

const isBusy = (reply: Reply): boolean => reply instanceof ErrorReply && reply.text.includes('BUSYKEY');

function refuseError({ source, target }: Migration, reply: Reply): void {
  if (!(reply instanceof ErrorReply)) return;
  const words = withoutPassword(reply.text, target.credentials);
  throw new MoveTrouble(`${source.server} cannot move keys to ${addressText(target.address)}: ${words}`);
}
