// cache-manager over Keyv over @keyv/redis: wrap computes once, clear clears.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import KeyvRedis, { Keyv } from '@keyv/redis';
import { type Cache, createCache } from 'cache-manager';
import { waitFor } from '../support/wait-for.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';

// mset and mdel are transactions, which want their keys on one server: the namespace is their tag.
function open(t: TestContext, pool: AppPool): Cache {
  const redis = new KeyvRedis(pool.url, { throwOnErrors: true });
  const store = new Keyv({ store: redis, namespace: '{cache}', throwOnErrors: true });
  const cache = createCache({ stores: [store] });
  const errors: string[] = [];
  for (const event of ['set', 'del', 'clear', 'get'] as const) {
    cache.on(event, (event?: unknown) => {
      const { error } = (event ?? {}) as { error?: unknown };
      if (error !== undefined) errors.push(String(error));
    });
  }
  t.after(async () => {
    await cache.disconnect();
    assert.deepEqual(errors, []);
  });
  return cache;
}

forEachPool('cache-manager', { pools: SHARDED }, appTest => {
  appTest('wrap computes once for two processes', async (t, pool) => {
    const [first, second] = [open(t, pool), open(t, pool)];
    let computed = 0;
    const compute = async () => ({ answer: ++computed });
    assert.deepEqual(await first.wrap('k', compute, 60_000), { answer: 1 });
    assert.deepEqual(await second.wrap('k', compute, 60_000), { answer: 1 });
    assert.equal(await second.del('k'), true);
    assert.deepEqual(await first.wrap('k', compute, 60_000), { answer: 2 });
  });

  appTest('what is set for a time goes away', async (t, pool) => {
    const cache = open(t, pool);
    await cache.mset([
      { key: 'a', value: 1, ttl: 60_000 },
      { key: 'b', value: 2, ttl: 50 },
    ]);
    await waitFor(async () => (await cache.get('b')) === undefined, { what: 'the end of a value' });
    assert.deepEqual(await cache.mget(['a', 'b']), [1, undefined]);
    assert.equal(await cache.mdel(['a', 'b']), true);
    assert.equal(await cache.get('a'), undefined);
  });

  appTest('clear clears', async (t, pool) => {
    const cache = open(t, pool);
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    await Promise.all(keys.map(key => cache.set(key, key)));
    assert.deepEqual(await cache.mget(['k0', 'k299']), ['k0', 'k299']);
    await cache.clear();
    assert.deepEqual(new Set(await cache.mget(keys)), new Set([undefined]));
    const sizes = await Promise.all(pool.servers.map(server => server.command('DBSIZE')));
    assert.deepEqual(
      sizes,
      pool.servers.map(() => 0),
    );
  });
});
