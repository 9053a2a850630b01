// ioredis: transactions, pipelines, scan streams, Pub/Sub, blocking pops, databases, scripts.
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { within } from '../support/wait-for.ts';
import { connectIoredis } from './support/ioredis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

const connect = connectIoredis(Redis);

forEachPool('ioredis', { pools: SHARDED }, appTest => {
  appTest('multi and exec', async (t, pool) => {
    const client = connect(t, pool);
    const done = await client
      .multi()
      .set('{a}n', '41')
      .incr('{a}n')
      .lpush('{a}l', 'x', 'y')
      .lrange('{a}l', 0, -1)
      .exec();
    assert.deepEqual(done, [
      [null, 'OK'],
      [null, 42],
      [null, 2],
      [null, ['y', 'x']],
    ]);
  });

  appTest('multi one by one, with a fault in the middle of it', async (t, pool) => {
    const client = connect(t, pool);
    assert.equal(await client.multi({ pipeline: false }), 'OK');
    assert.equal(await client.set('{a}s', 'text'), 'QUEUED');
    assert.equal(await client.lpush('{a}s', 'x'), 'QUEUED');
    assert.equal(await client.set('{a}t', 'after'), 'QUEUED');
    // ioredis answers a transaction without a pipeline with pairs too.
    const [first, second, third] = (await client.exec())!;
    assert.deepEqual(
      [first, third],
      [
        [null, 'OK'],
        [null, 'OK'],
      ],
    );
    assert.match(String(second![0]), /WRONGTYPE/);
    assert.deepEqual(await client.mget('{a}s', '{a}t'), ['text', 'after']);
  });

  appTest('a transaction that was discarded has done nothing', async (t, pool) => {
    const client = connect(t, pool);
    await client.multi({ pipeline: false });
    await client.set('a', '1');
    assert.equal(await client.discard(), 'OK');
    assert.equal(await client.get('a'), null);
  });

  appTest('watch: another writer makes exec answer null', async (t, pool) => {
    const [client, other] = [connect(t, pool), connect(t, pool)];
    await client.watch('{a}n');
    await other.set('{a}n', '7');
    assert.equal(await client.multi().incr('{a}n').exec(), null);
    assert.equal(await client.get('{a}n'), '7');
    await client.watch('{a}n');
    assert.deepEqual(await client.multi().incr('{a}n').exec(), [[null, 8]]);
  });

  appTest('twenty clients count by watch, multi and exec', async (t, pool) => {
    const clients = Array.from({ length: 20 }, () => connect(t, pool));
    await clients[0]!.set('{a}n', '0');
    let conflicts = 0;
    const count = async (client: Redis) => {
      for (let done = 0; done < 10; ) {
        await client.watch('{a}n');
        const seen = Number(await client.get('{a}n'));
        const result = await client
          .multi()
          .set('{a}n', seen + 1)
          .exec();
        if (result === null) conflicts++;
        else done++;
      }
    };
    await Promise.all(clients.map(count));
    assert.equal(await clients[0]!.get('{a}n'), '200');
    assert.ok(conflicts > 0, 'they met');
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

  appTest('keys, dbsize, flushdb', async (t, pool) => {
    const client = connect(t, pool);
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    await client.mset(Object.fromEntries(keys.map(key => [key, 'v'])));
    assert.deepEqual((await client.keys('k*')).sort(), keys.sort());
    assert.equal(await client.dbsize(), 50);
    assert.equal(await client.flushdb(), 'OK');
    assert.equal(await client.dbsize(), 0);
  });

  appTest('pub/sub: channels and patterns', async (t, pool) => {
    const [subscriber, publisher] = [connect(t, pool), connect(t, pool)];
    const messages: string[][] = [];
    const all = Promise.withResolvers<void>();
    const take = (...message: string[]) => {
      messages.push(message);
      if (messages.length === 5) all.resolve();
    };
    subscriber.on('message', (channel, text) => take(channel, text));
    subscriber.on('pmessage', (pattern, channel, text) => take(pattern, channel, text));
    assert.equal(await subscriber.subscribe('news', 'sport'), 2);
    assert.equal(await subscriber.psubscribe('n*'), 3);
    assert.equal(await publisher.publish('sport', 'one'), 1);
    assert.equal(await publisher.publish('none', 'two'), 1);
    assert.equal(await publisher.publish('nobody', 'three'), 1);
    assert.equal(await publisher.publish('other', 'four'), 0);
    assert.equal(await publisher.publish('news', 'five'), 2);
    await within(all.promise, { what: 'five messages' });
    assert.deepEqual(messages.map(String).sort(), [
      'n*,news,five',
      'n*,nobody,three',
      'n*,none,two',
      'news,five',
      'sport,one',
    ]);
    assert.equal(await subscriber.unsubscribe('news'), 2);
    assert.equal(await publisher.publish('news', 'six'), 1);
  });

  appTest('a blocking pop gets what is pushed later', async (t, pool) => {
    const [waiting, pushing] = [connect(t, pool), connect(t, pool)];
    const popped = within(waiting.blpop('{q}low', '{q}high', 0), { what: 'the element' });
    popped.catch(() => {});
    // Answered after the pop was sent, over another connection; the pop may still be on its way, which changes nothing.
    await pushing.rpush('{q}high', 'job');
    assert.deepEqual(await popped, ['{q}high', 'job']);
    assert.equal(await waiting.blpop('{q}low', 1), null);
    assert.equal(await waiting.ping(), 'PONG');
  });

  appTest('a script defined as a command', async (t, pool) => {
    const client = connect(t, pool);
    client.defineCommand('addTo', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    const scripted = client as Redis & { addTo(key: string, by: number): Promise<number> };
    // In the middle of a pipeline a server that has no script is not given it: each has it before.
    for (let i = 0; i < 10; i++) await scripted.addTo(`n${i}`, 0);
    const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => scripted.addTo(`n${i % 10}`, 2)));
    assert.equal(Math.max(...sums), 20);
    await Promise.all(pool.servers.map(server => server.command('SCRIPT', 'FLUSH')));
    assert.equal(await scripted.addTo('n1', 2), 22);
  });
});

forEachPool('ioredis', { pools: SHARDED, settings: ['databases: 16'] }, appTest => {
  appTest('db: 1 is apart from db: 0', async (t, pool) => {
    const [zero, one] = [connect(t, pool), connect(t, pool, { db: 1 })];
    await zero.set('k', 'zero');
    await one.set('k', 'one');
    assert.deepEqual([await zero.get('k'), await one.get('k')], ['zero', 'one']);
    await one.flushdb();
    assert.deepEqual([await zero.get('k'), await one.get('k')], ['zero', null]);
  });
});
