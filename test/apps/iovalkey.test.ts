// iovalkey: what a program does that moved to it from ioredis.
import assert from 'node:assert/strict';
import { Redis } from 'iovalkey';
import { within } from '../support/wait-for.ts';
import { connectIoredis } from './support/ioredis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

const connect = connectIoredis(Redis);

forEachPool('iovalkey', { pools: SHARDED }, appTest => {
  appTest('multi and exec, with a fault in the middle of it', async (t, pool) => {
    const client = connect(t, pool);
    const done = (await client.multi().set('{a}s', 'text').lpush('{a}s', 'x').set('{a}t', 'after').exec())!;
    assert.deepEqual(
      [done[0], done[2]],
      [
        [null, 'OK'],
        [null, 'OK'],
      ],
    );
    assert.match(String(done[1]![0]), /WRONGTYPE/);
    assert.deepEqual(await client.mget('{a}s', '{a}t'), ['text', 'after']);
  });

  appTest('pipeline', async (t, pool) => {
    const client = connect(t, pool);
    const pipeline = client.pipeline();
    for (let i = 0; i < 500; i++) pipeline.set(`k${i}`, i).incr(`k${i}`);
    const replies = (await pipeline.exec())!;
    assert.deepEqual(
      replies.map(([error, value]) => error ?? value),
      Array.from({ length: 500 }, (_, i) => ['OK', i + 1]).flat(),
    );
  });

  appTest('scan stream finds every key', async (t, pool) => {
    const client = connect(t, pool);
    const keys = Array.from({ length: 1000 }, (_, i) => `scan:${i}`);
    await client.mset(Object.fromEntries([...keys, 'other'].map(key => [key, 'v'])));
    const found = new Set<string>();
    for await (const batch of client.scanStream({ match: 'scan:*', count: 50 })) {
      for (const key of batch as string[]) found.add(key);
    }
    assert.deepEqual([...found].sort(), keys.sort());
  });

  appTest('pub/sub', async (t, pool) => {
    const [subscriber, publisher] = [connect(t, pool), connect(t, pool)];
    const message = Promise.withResolvers<string[]>();
    subscriber.on('message', (...words: string[]) => message.resolve(words));
    assert.equal(await subscriber.subscribe('news'), 1);
    assert.equal(await publisher.publish('news', 'text'), 1);
    assert.deepEqual(await within(message.promise, { what: 'the message' }), ['news', 'text']);
  });

  appTest('a blocking pop gets what is pushed later', async (t, pool) => {
    const [waiting, pushing] = [connect(t, pool), connect(t, pool)];
    const popped = within(waiting.brpop('q', 0), { what: 'the element' });
    popped.catch(() => {});
    await pushing.lpush('q', 'job');
    assert.deepEqual(await popped, ['q', 'job']);
  });
});

forEachPool('iovalkey', { pools: SHARDED, settings: ['databases: 16'] }, appTest => {
  appTest('db: 1 is apart from db: 0', async (t, pool) => {
    const [zero, one] = [connect(t, pool), connect(t, pool, { db: 1 })];
    await zero.set('k', 'zero');
    await one.set('k', 'one');
    assert.deepEqual([await zero.get('k'), await one.get('k')], ['zero', 'one']);
  });
});
