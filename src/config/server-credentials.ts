import type { ServerCredentials } from '../protocol/traits.ts';
import type { PoolConfig, ServerConfig } from './config.ts';

type PoolWithSecrets = Pick<PoolConfig, 'redisAuth' | 'memcachedAuth' | 'serverUser' | 'serverPassword'>;
type ServerWithSecrets = Pick<ServerConfig, 'user' | 'password'>;

/**
 * What a server of the pool is told at first: its own, else what the pool says of all, else what clients must give. Null: nothing.
 */
export function serverCredentials(pool: PoolWithSecrets, server: ServerWithSecrets = {}): ServerCredentials | null {
  if (server.password !== undefined) return { user: server.user ?? null, password: server.password };
  if (pool.serverPassword !== null) return { user: pool.serverUser, password: pool.serverPassword };
  if (pool.redisAuth !== null) return { user: null, password: pool.redisAuth };
  return pool.memcachedAuth === null ? null : userAndPassword(pool.memcachedAuth);
}

/** Of `user:password`. */
function userAndPassword(text: string): ServerCredentials {
  const colon = text.indexOf(':');
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
