import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { RespError } from '../support/resp-reader.ts';

/** Ends with the suite. */
const endings: (() => unknown)[] = [];
const suite = { after: (end: () => unknown) => void endings.push(end) } as never;

describe('commands of a pool that is a cluster', () => {
  let cluster: RedisCluster;
  let daemon: Daemon;
  let client: RawClient;

  before(async () => {
    cluster = await startCluster({ primaries: 3 });
    endings.push(() => cluster.stop());
    daemon = await startClusterPool(suite, portsOf(cluster).slice(0, 1));
    client = await daemon.client('orders');
  });
  after(async () => {
    client?.destroy();
    for (const end of endings.reverse()) await end();
  });

  test('go to the node that has the slot', async () => {
    for (let i = 0; i < 300; i++) assert.equal(await client.command('SET', `key:${i}`, i), 'OK');
    for (let i = 0; i < 300; i++) assert.deepEqual(await client.command('GET', `key:${i}`), Buffer.from(String(i)));
    const counts = await Promise.all(cluster.nodes.map(({ server }) => server.command('DBSIZE')));
    assert.equal(
      counts.reduce((sum: number, count) => sum + Number(count), 0),
      300,
    );
    assert.equal(
      counts.every(count => Number(count) > 0),
      true,
    );
    assert.equal(await daemon.metric('ringmaster_pool_moved_redirects_total'), 0);
  });

  test('agree with the server on the slot of a key', async () => {
    const { server } = cluster.nodes[0]!;
    for (const key of ['', 'foo', '{user}.a', 'x{user}y', '{}a', 'a{}{b}', '{a', 'a}', '{{a}}', 'ключ', '\0\xff']) {
      assert.equal(slotOf(key), await server.command('CLUSTER', 'KEYSLOT', key), key);
    }
  });

  test('of several keys are split by slot, and merged in order', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `many:${i}`);
    assert.equal(await client.command('MSET', ...keys.flatMap((key, i) => [key, `v${i}`])), 'OK');
    const values = await client.command('MGET', ...keys, 'none', keys[3]!);
    assert.deepEqual(values, [...keys.map((_, i) => Buffer.from(`v${i}`)), null, Buffer.from('v3')]);
    assert.equal(await client.command('EXISTS', ...keys, 'none', keys[0]!), 201);
    assert.equal(await client.command('TOUCH', ...keys), 200);
    assert.equal(await client.command('UNLINK', ...keys.slice(0, 100)), 100);
    assert.equal(await client.command('DEL', ...keys), 100);
  });

  test('of several keys in one slot stay whole', async () => {
    assert.equal(await client.command('MSET', '{t}a', 1, '{t}b', 2), 'OK');
    assert.deepEqual(await client.command('MGET', '{t}b', '{t}a'), [Buffer.from('2'), Buffer.from('1')]);
    assert.equal(await client.command('RENAME', '{t}a', '{t}c'), 'OK');
    const refused = await client.command('RENAME', '{t}b', '{u}b');
    assert.deepEqual(refused, new RespError("CROSSSLOT Keys in request don't hash to the same slot"));
  });

  test('without keys go to all primaries, or any', async () => {
    assert.ok(Number(await client.command('DBSIZE')) >= 300);
    const sha = await client.command('SCRIPT', 'LOAD', "return redis.call('GET', KEYS[1])");
    assert.deepEqual(await client.command('EVALSHA', sha as Buffer, 1, 'key:7'), Buffer.from('7'));
  });

  test('a pipeline is answered in its order over all nodes', async () => {
    const requests = Array.from({ length: 500 }, (_, i) => ['SET', `p:${i}`, `${i}`] as const);
    const reads = requests.flatMap(([, key]) => [['GET', key] as const]);
    const encode = (words: readonly string[]) =>
      `*${words.length}\r\n${words.map(w => `$${w.length}\r\n${w}\r\n`).join('')}`;
    client.send([...requests, ...reads].map(encode).join(''));
    const replies = await client.readReplies(1000);
    assert.ok(replies.slice(0, 500).every(reply => reply.toString() === '+OK\r\n'));
    assert.deepEqual(
      replies.slice(500).map(String),
      requests.map(([, , value]) => `$${value.length}\r\n${value}\r\n`),
    );
  });

  test('transactions, watched keys and commands that block go to the node of their slot', async () => {
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', '{tx}a', 1), 'QUEUED');
    assert.equal(await client.command('INCR', '{tx}a'), 'QUEUED');
    assert.deepEqual(await client.command('EXEC'), ['OK', 2]);
    assert.equal(await client.command('WATCH', '{tx}a'), 'OK');
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('GET', '{tx}a'), 'QUEUED');
    assert.deepEqual(await client.command('EXEC'), [Buffer.from('2')]);
    const waiting = client.command('BLPOP', '{queue}', 10);
    const other = await daemon.client('orders');
    assert.equal(await other.command('RPUSH', '{queue}', 'job'), 1);
    assert.deepEqual(await waiting, [Buffer.from('{queue}'), Buffer.from('job')]);
    other.destroy();
  });

  test('messages are heard once, by channel and by pattern', async () => {
    const [listener, publisher] = [await daemon.client('orders'), await daemon.client('orders')];
    listener.send('SUBSCRIBE news\r\nPSUBSCRIBE n*\r\n');
    await listener.readReplies(2);
    for (const word of ['one', 'two']) await publisher.command('PUBLISH', 'news', word);
    const heard = (await listener.readReplies(4)).map(String);
    for (const word of ['one', 'two']) {
      assert.equal(heard.filter(text => text.includes(`\r\n${word}\r\n`)).length, 2, heard.join('|'));
    }
    await publisher.command('PUBLISH', 'news', 'end');
    for (const text of (await listener.readReplies(2)).map(String)) assert.match(text, /end/);
    listener.destroy();
    publisher.destroy();
  });

  test('a scan sees the keys of all nodes, and each once', async () => {
    const fresh = await daemon.client('orders');
    const found: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = (await fresh.command('SCAN', cursor, 'MATCH', 'key:*', 'COUNT', 100)) as [Buffer, Buffer[]];
      cursor = next.toString();
      found.push(...keys.map(String));
    } while (cursor !== '0');
    assert.deepEqual(found.toSorted(), Array.from({ length: 300 }, (_, i) => `key:${i}`).toSorted());
    fresh.destroy();
  });
});
