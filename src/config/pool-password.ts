import type { PoolConfig } from './config.ts';

/** What the clients of a pool must give; null: nothing. Its form is the protocol's. */
export function poolPassword(pool: Pick<PoolConfig, 'redisAuth' | 'memcachedAuth'>): string | null {
  return pool.redisAuth ?? pool.memcachedAuth;
}
