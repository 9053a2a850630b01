// A pool and, beside it, a server of the same kind that clients ask directly: what both answer is compared.
import type { TestContext } from 'node:test';
import { type MemcachedServer, startMemcached } from './memcached-server.ts';
import { type PoolUnderTest, startMemcachedPool, startRedisPool } from './pool-under-test.ts';
import type { RawClient } from './raw-client.ts';
import { startRedis } from './redis-server.ts';

export interface RedisClients {
  /** Through Ringmaster. */
  readonly proxy: RawClient;
  /** The server behind it. */
  readonly backend: RawClient;
  /** A server of its own. */
  readonly direct: RawClient;
}

/** Starts both; returns what connects anew to all of it, in a version of the protocol. `settings`: lines of the pool. */
export async function redisBesidePool(
  t: TestContext,
  settings: readonly string[] = [],
): Promise<(version: 2 | 3) => Promise<RedisClients>> {
  const pool = await startRedisPool(t, { settings });
  const reference = await startRedis();
  t.after(() => reference.kill());
  return async version => {
    const clients = await Promise.all([pool.client(), pool.servers[0]!.client(), reference.client()]);
    t.after(() => clients.forEach(client => void client.destroy()));
    const [proxy, backend, direct] = clients;
    // Version 2 is what a client has that asks for nothing.
    if (version === 3) for (const client of [proxy, direct]) await client.command('HELLO', 3);
    return { proxy, backend, direct };
  };
}

export interface MemcachedPair {
  readonly pool: PoolUnderTest<MemcachedServer>;
  readonly direct: MemcachedServer;
}

/** `servers`: of the pool. */
export async function memcachedBesidePool(t: TestContext, servers = 1): Promise<MemcachedPair> {
  const [pool, direct] = await Promise.all([startMemcachedPool(t, { servers }), startMemcached()]);
  t.after(() => direct.kill());
  return { pool, direct };
}
