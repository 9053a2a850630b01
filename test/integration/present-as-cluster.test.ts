// Pools that libraries in cluster mode take for a cluster of one node.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';

const SETTINGS = ['present_as: cluster', 'hash_tag: "{}"'];

async function startRing(t: TestContext, servers: number, settings: readonly string[] = SETTINGS): Promise<Daemon> {
  const started = await Promise.all(Array.from({ length: servers }, () => startRedis()));
  t.after(() => Promise.all(started.map(server => server.kill())));
  const pool = { protocol: 'redis', servers: started.map(({ port }) => port), settings } as const;
  return startDaemon(t, { orders: pool }, { workers: 2 });
}

/** What differs between two clusters of one node each: its name, its address, its counters. */
function comparable(reply: Buffer, port: number): string {
  return reply
    .toString('latin1')
    .replace(/\b[0-9a-f]{40}\b/g, 'ID')
    .replaceAll(`127.0.0.1:${port}@`, 'HOST:PORT@')
    .replace(/HOST:PORT@\d+/g, 'HOST:PORT@BUS')
    .replaceAll(`:${port}\r\n`, ':PORT\r\n')
    .replace(/\$\d+\r\n(127\.0\.0\.1)?\r\n/g, 'HOST ')
    .replace(/(epoch:)\d+/g, '$1N')
    .replace(/ 0 0 \d+ connected/, ' 0 0 N connected')
    .replace(/^[$=]\d+\r\n/, 'TEXT ');
}

async function reply(client: RawClient, ...words: (string | number)[]): Promise<Buffer> {
  client.send(encodeCommand(...words));
  return client.readReply();
}

test('it answers as a Redis Cluster of one node does, in both versions of the protocol', async t => {
  const cluster = await startCluster({ primaries: 1 });
  t.after(() => cluster.stop());
  const [{ server, id }] = cluster.nodes as [(typeof cluster.nodes)[0]];
  // One node that nobody has met knows no address of its own, until it is told.
  await server.command('CONFIG', 'SET', 'cluster-announce-ip', '127.0.0.1');
  const daemon = await startRing(t, 1);
  const [ours, theirs] = [await daemon.client('orders'), await server.client()];
  const ourId = String(await ours.command('CLUSTER', 'MYID'));
  assert.match(ourId, /^[0-9a-f]{40}$/);
  const questions = [
    ...['SLOTS', 'SHARDS', 'NODES', 'INFO', 'LINKS', 'MYID'].map(word => ['CLUSTER', word]),
    ...['foo', '', '{user}.a', 'x{}y'].map(key => ['CLUSTER', 'KEYSLOT', key]),
    ...['REPLICAS', 'SLAVES', 'COUNT-FAILURE-REPORTS'].flatMap(word => [
      ['CLUSTER', word, 'ID'],
      ['CLUSTER', word, 'nobody'],
    ]),
    ...[['READONLY'], ['READWRITE'], ['ASKING'], ['SELECT', '0'], ['CLUSTER', 'KEYSLOT'], ['CLUSTER', 'FOO']],
    ['INFO', 'cluster'],
  ];
  for (const version of [2, 3]) {
    const [ourHello, theirHello] = [await reply(ours, 'HELLO', version), await reply(theirs, 'HELLO', version)];
    const withoutId = (hello: Buffer) => hello.toString().replace(/(\bid\r\n):\d+/, '$1:ID');
    assert.equal(withoutId(ourHello), withoutId(theirHello));
    for (const question of questions) {
      const ask = (client: RawClient, own: string) => reply(client, ...question.map(w => (w === 'ID' ? own : w)));
      const [a, b] = [await ask(ours, ourId), await ask(theirs, id)];
      assert.equal(
        comparable(a, daemon.port('orders')),
        comparable(b, server.port),
        `RESP${version}: ${question.join(' ')}`,
      );
    }
  }
  ours.destroy();
  theirs.destroy();
});

test('all workers, and all that present one address, are the same node', async t => {
  const settings = [...SETTINGS, 'advertise: "[2001:db8::1]:6379"'];
  const daemons = await Promise.all([startRing(t, 1, settings), startRing(t, 2, settings)]);
  const seen = new Set<string>();
  for (let i = 0; i < 16; i++) {
    const client = await (daemons[i % 2] as Daemon).client('orders');
    seen.add((await reply(client, 'CLUSTER', 'SLOTS')).toString());
    client.destroy();
  }
  assert.equal(seen.size, 1);
  assert.match([...seen].join(), /\$11\r\n2001:db8::1\r\n:6379\r\n/);
});

test('slots can be looked into where the pool is a cluster, and nowhere be changed', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const ports = cluster.nodes.map(({ server }) => server.port);
  const daemon = await startClusterPool(t, ports, { settings: ['present_as: cluster'] });
  const client = await daemon.client('orders');
  for (let i = 0; i < 5; i++) await client.command('SET', `{a}${i}`, i);
  assert.equal(await client.command('CLUSTER', 'COUNTKEYSINSLOT', slotOf('a')), 5);
  assert.equal(((await client.command('CLUSTER', 'GETKEYSINSLOT', slotOf('a'), 3)) as unknown[]).length, 3);
  const { server } = cluster.nodes[0]!;
  for (const words of [
    ['CLUSTER', 'COUNTKEYSINSLOT', '16384'],
    ['CLUSTER', 'COUNTKEYSINSLOT', 'x'],
    ['CLUSTER', 'GETKEYSINSLOT', '-1', '1'],
    ['CLUSTER', 'GETKEYSINSLOT', '1', '-1'],
  ]) {
    assert.deepEqual(await client.command(...words), await server.command(...words), words.join(' '));
  }
  for (const words of [['MEET', '127.0.0.1', '1'], ['FORGET', 'x'], ['RESET'], ['FAILOVER']]) {
    const refused = (await client.command('CLUSTER', ...words)) as RespError;
    assert.match(refused.text, /^ERR 'cluster\|\w+' cannot be used through Ringmaster: /);
  }
  assert.deepEqual(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('CLUSTER', 'SLOTS'), 'QUEUED');
  assert.deepEqual(await client.command('EXEC'), [await client.command('CLUSTER', 'SLOTS')]);
  assert.deepEqual(await client.command('MULTI'), 'OK');
  const counted = (await client.command('CLUSTER', 'COUNTKEYSINSLOT', slotOf('a'))) as RespError;
  assert.match(counted.text, /^ERR 'cluster\|countkeysinslot' cannot be used/);
  assert.match(((await client.command('EXEC')) as RespError).text, /^EXECABORT /);
});

test('a pool that is one server to its clients has clusters disabled, even if it is one', async t => {
  const cluster = await startCluster({ primaries: 1 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, [cluster.nodes[0]!.server.port]);
  const client = await daemon.client('orders');
  const disabled = new RespError('ERR This instance has cluster support disabled');
  assert.deepEqual(await client.command('CLUSTER', 'SLOTS'), disabled);
  assert.deepEqual(await client.command('READONLY'), disabled);
  assert.match(String(await client.command('INFO', 'cluster')), /cluster_enabled:0\r\n/);
  assert.equal(
    ((await client.command('COMMAND', 'INFO', 'cluster', 'readonly')) as unknown[]).every(each => each === null),
    true,
  );
});

for (const servers of [1, 3]) {
  test(`ioredis in cluster mode works with a ring of ${servers}`, async t => {
    await useIoredis(t, (await startRing(t, servers)).port('orders'));
  });
  test(`node-redis in cluster mode works with a ring of ${servers}`, async t => {
    await useNodeRedis(t, (await startRing(t, servers)).port('orders'));
  });
}

test('libraries in cluster mode work with a cluster', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const seeds = cluster.nodes.map(({ server }) => server.port);
  const daemon = await startClusterPool(t, seeds, { settings: ['present_as: cluster'] });
  await useIoredis(t, daemon.port('orders'));
  await useNodeRedis(t, daemon.port('orders'));
});

async function useIoredis(t: TestContext, port: number): Promise<void> {
  const client = new Cluster([{ host: '127.0.0.1', port }], { redisOptions: { maxRetriesPerRequest: 1 } });
  const errors: string[] = [];
  client.on('error', error => errors.push(String(error)));
  t.after(() => client.disconnect());
  for (let i = 0; i < 50; i++) assert.equal(await client.set(`io:${i}`, i), 'OK');
  for (let i = 0; i < 50; i++) assert.equal(await client.get(`io:${i}`), String(i));
  assert.equal(client.nodes('master').length, 1);
  const pipeline = client.pipeline();
  for (let i = 0; i < 20; i++) pipeline.incr(`io:n:${i % 5}`);
  const counted = (await pipeline.exec()) ?? [];
  assert.deepEqual(counted.at(-1), [null, 4]);
  assert.deepEqual(await client.multi().set('{t}a', '1').incr('{t}a').exec(), [
    [null, 'OK'],
    [null, 2],
  ]);
  assert.equal(await client.eval('return redis.call("get", KEYS[1])', 1, '{t}a'), '2');
  assert.deepEqual(errors, []);
}

async function useNodeRedis(t: TestContext, port: number): Promise<void> {
  const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
  const errors: string[] = [];
  client.on('error', error => errors.push(String(error)));
  await client.connect();
  t.after(() => client.destroy());
  await Promise.all(Array.from({ length: 50 }, (_, i) => client.set(`nr:${i}`, String(i))));
  const values = await Promise.all(Array.from({ length: 50 }, (_, i) => client.get(`nr:${i}`)));
  assert.deepEqual(
    values,
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
  assert.equal(client.masters.length, 1);
  assert.deepEqual(await client.multi().set('{u}a', '1').incr('{u}a').exec(), ['OK', 2]);
  assert.equal(await client.eval('return redis.call("get", KEYS[1])', { keys: ['{u}a'] }), '2');
  assert.deepEqual(errors, []);
}
