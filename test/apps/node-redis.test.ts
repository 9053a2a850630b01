// node-redis: transactions, pipelines, scan iterators, Pub/Sub, blocking pops, databases; in RESP3 and RESP2.
import assert from 'node:assert/strict';
import { WatchError } from 'redis';
import { within } from '../support/wait-for.ts';
import { connectNodeRedis } from './support/node-redis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

forEachPool('node-redis', { pools: SHARDED }, appTest => {
  for (const RESP of [3, 2] as const) {
    appTest(`multi and exec, RESP${RESP}`, async (t, pool) => {
      const client = await connectNodeRedis(t, pool, { RESP });
      const done = await client.multi().set('{a}n', '41').incr('{a}n').hSet('{a}h', { f: 'v' }).hGetAll('{a}h').exec();
      assert.deepEqual(done.slice(0, 3), ['OK', 42, 1]);
      assert.deepEqual({ ...(done[3] as unknown as object) }, { f: 'v' });
    });

    appTest(`pub/sub: channels and patterns, RESP${RESP}`, async (t, pool) => {
      const subscriber = await connectNodeRedis(t, pool, { RESP });
      const publisher = await connectNodeRedis(t, pool, { RESP });
      const messages: string[] = [];
      const all = Promise.withResolvers<void>();
      const take = (kind: string) => (text: string, channel: string) => {
        messages.push(`${kind} ${channel} ${text}`);
        if (messages.length === 4) all.resolve();
      };
      await subscriber.subscribe(['news', 'sport'], take('exact'));
      await subscriber.pSubscribe('n*', take('pattern'));
      assert.equal(await publisher.publish('sport', 'one'), 1);
      assert.equal(await publisher.publish('nobody', 'two'), 1);
      assert.equal(await publisher.publish('other', 'three'), 0);
      assert.equal(await publisher.publish('news', 'four'), 2);
      await within(all.promise, { what: 'four messages' });
      assert.deepEqual(messages.sort(), [
        'exact news four',
        'exact sport one',
        'pattern news four',
        'pattern nobody two',
      ]);
      await subscriber.unsubscribe('news');
      assert.equal(await publisher.publish('news', 'five'), 1);
      await subscriber.pUnsubscribe();
      await subscriber.unsubscribe();
      // In RESP2 the client gives buffers from now on.
      assert.equal(String(await subscriber.set('k', 'an ordinary client again')), 'OK');
    });
  }

  appTest('a fault in a transaction rejects it and the rest was done', async (t, pool) => {
    const client = await connectNodeRedis(t, pool);
    const transaction = client.multi().set('{a}s', 'text').lPush('{a}s', 'x').set('{a}t', 'after');
    await assert.rejects(transaction.exec(), (error: Error & { replies?: unknown[] }) => {
      assert.match(String(error.replies![1]), /WRONGTYPE/);
      return true;
    });
    assert.deepEqual(await client.mGet(['{a}s', '{a}t']), ['text', 'after']);
  });

  appTest('watch: another writer makes exec throw WatchError', async (t, pool) => {
    const client = await connectNodeRedis(t, pool);
    const other = await connectNodeRedis(t, pool);
    await client.watch('{a}n');
    await other.set('{a}n', '7');
    await assert.rejects(client.multi().incr('{a}n').exec(), WatchError);
    await client.watch('{a}n');
    assert.deepEqual(await client.multi().incr('{a}n').exec(), [8]);
  });

  appTest('commands of one turn are a pipeline', async (t, pool) => {
    const client = await connectNodeRedis(t, pool);
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`);
    const replies = await Promise.all(keys.flatMap((key, i) => [client.set(key, String(i)), client.incr(key)]));
    assert.deepEqual(
      replies,
      keys.flatMap((_, i) => ['OK', i + 1]),
    );
    const pipelined = await client.multi().get('k1').get('k2').execAsPipeline();
    assert.deepEqual(pipelined, ['2', '3']);
  });

  appTest('scan iterator finds every key', async (t, pool) => {
    const client = await connectNodeRedis(t, pool);
    const keys = Array.from({ length: 1000 }, (_, i) => `scan:${i}`);
    await client.mSet([...keys, 'other'].map(key => [key, 'v'] as [string, string]));
    const found = new Set<string>();
    for await (const batch of client.scanIterator({ MATCH: 'scan:*', COUNT: 50 })) {
      for (const key of batch) found.add(key);
    }
    assert.deepEqual([...found].sort(), keys.sort());
  });

  appTest('a blocking pop gets what is pushed later', async (t, pool) => {
    const waiting = await connectNodeRedis(t, pool);
    const pushing = await connectNodeRedis(t, pool);
    const popped = within(waiting.blPop(['{q}low', '{q}high'], 0), { what: 'the element' });
    popped.catch(() => {});
    await pushing.rPush('{q}high', 'job');
    const { key, element } = (await popped)!;
    assert.deepEqual([key, element], ['{q}high', 'job']);
    assert.equal(await waiting.blPop('{q}low', 1), null);
    assert.equal(await waiting.ping(), 'PONG');
  });

  appTest('streams: a blocking group reader gets what is added later', async (t, pool) => {
    const reading = await connectNodeRedis(t, pool);
    const writing = await connectNodeRedis(t, pool);
    await writing.xGroupCreate('stream', 'group', '$', { MKSTREAM: true });
    const read = reading.xReadGroup('group', 'me', { key: 'stream', id: '>' }, { BLOCK: 0 });
    const entries = within(read, { what: 'the entry' });
    entries.catch(() => {});
    const id = await writing.xAdd('stream', '*', { field: 'value' });
    const [stream] = (await entries) as { name: string; messages: { id: string; message: object }[] }[];
    assert.deepEqual([stream!.name, stream!.messages[0]!.id], ['stream', id]);
    assert.deepEqual({ ...stream!.messages[0]!.message }, { field: 'value' });
    assert.equal(await writing.xAck('stream', 'group', id), 1);
  });
});

forEachPool('node-redis', { pools: SHARDED, settings: ['databases: 16'] }, appTest => {
  appTest('database: 1 is apart from database: 0', async (t, pool) => {
    const zero = await connectNodeRedis(t, pool);
    const one = await connectNodeRedis(t, pool, { database: 1 });
    await zero.set('k', 'zero');
    await one.set('k', 'one');
    assert.deepEqual([await zero.get('k'), await one.get('k')], ['zero', 'one']);
    await one.flushDb();
    assert.deepEqual([await zero.get('k'), await one.get('k')], ['zero', null]);
  });
});
