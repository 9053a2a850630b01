// Keyv with @keyv/redis: get, set, expiry, many keys, namespaces that clear only themselves.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import KeyvRedis, { Keyv } from '@keyv/redis';
import { waitFor } from '../support/wait-for.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';

// Writing many keys at once is a transaction, which wants them on one server: their namespace is their tag.
function open(t: TestContext, pool: AppPool, namespace?: string): Keyv {
  const store = new KeyvRedis(pool.url, { throwOnErrors: true });
  const keyv = new Keyv({ store, ...(namespace !== undefined && { namespace }), throwOnErrors: true });
  const errors: string[] = [];
  keyv.on('error', error => errors.push(String(error)));
  t.after(async () => {
    await keyv.disconnect();
    assert.deepEqual(errors, []);
  });
  return keyv;
}

forEachPool('keyv', { pools: SHARDED }, appTest => {
  appTest('values come back and expire', async (t, pool) => {
    const keyv = open(t, pool);
    await keyv.set('user', { name: 'Ada', tags: [1, 2] });
    assert.deepEqual(await keyv.get('user'), { name: 'Ada', tags: [1, 2] });
    await keyv.set('short', 'lived', 50);
    await waitFor(async () => (await keyv.get('short')) === undefined, { what: 'the end of a value' });
    assert.equal(await keyv.delete('user'), true);
    assert.equal(await keyv.has('user'), false);
  });

  appTest('many keys at once', async (t, pool) => {
    const keyv = open(t, pool, '{many}');
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    await keyv.setMany(keys.map(key => ({ key, value: `v-${key}` })));
    assert.deepEqual(
      await keyv.getMany(keys),
      keys.map(key => `v-${key}`),
    );
    await keyv.deleteMany(keys.slice(0, 99));
    assert.deepEqual(await keyv.getMany(['k0', 'k99']), [undefined, 'v-k99']);
  });

  appTest('clear empties its namespace and no other', async (t, pool) => {
    const [mine, other] = [open(t, pool, '{mine}'), open(t, pool, '{other}')];
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    await Promise.all(keys.flatMap(key => [mine.set(key, 1), other.set(key, 2)]));
    await mine.clear();
    assert.deepEqual(new Set(await mine.getMany(keys)), new Set([undefined]));
    assert.deepEqual(new Set(await other.getMany(keys)), new Set([2]));
  });

  appTest('iterator gives every entry', async (t, pool) => {
    const keyv = open(t, pool, 'listed');
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    await Promise.all(keys.map(key => keyv.set(key, key)));
    const found: string[] = [];
    for await (const [key, value] of keyv.iterator!({})) {
      assert.equal(value, key);
      found.push(key);
    }
    assert.deepEqual(found.sort(), keys.sort());
  });
});
