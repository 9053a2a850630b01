// memcache-client in text, and Keyv on memcached by way of memjs, which speaks binary.
import assert from 'node:assert/strict';
import KeyvMemcache from '@keyv/memcache';
import { Keyv } from 'keyv';
import { MemcacheClient } from 'memcache-client';
import { forEachMemcachedPool } from './support/memcached-pools.ts';

forEachMemcachedPool('memcache-client', appTest => {
  appTest('values, many keys and counters', async (t, { host, port }) => {
    const client = new MemcacheClient({ server: `${host}:${port}` });
    t.after(() => client.shutdown());
    await client.set('user', { name: 'Ada' });
    assert.deepEqual((await client.get<{ value: unknown }>('user'))?.value, { name: 'Ada' });
    const keys = Array.from({ length: 100 }, (_, i) => `key${i}`);
    await Promise.all(keys.map(key => client.set(key, `value of ${key}`)));
    const values = ((await client.get(keys.concat('none'))) ?? {}) as unknown as Record<string, { value: unknown }>;
    assert.deepEqual(
      keys.map(key => values[key]?.value),
      keys.map(key => `value of ${key}`),
    );
    await client.set('n', '5');
    assert.equal(String(await client.incr('n', 3)), '8');
    assert.deepEqual(await client.delete('n'), ['DELETED']);
  });

  appTest('keyv', async (t, { host, port }) => {
    const store = new KeyvMemcache(`${host}:${port}`);
    const keyv = new Keyv({ store, throwOnErrors: true });
    t.after(() => keyv.disconnect());
    await keyv.set('user', { name: 'Ada', tags: [1, 2] });
    assert.deepEqual(await keyv.get('user'), { name: 'Ada', tags: [1, 2] });
    assert.equal(await keyv.get('none'), undefined);
    assert.equal(await keyv.delete('user'), true);
    assert.equal(await keyv.get('user'), undefined);
  });
});
