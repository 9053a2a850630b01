// Health checks of servers that Sentinels or a cluster look after: what they find is told, and owners of keys keep their place.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startClusterPool } from '../support/cluster-pool.ts';
import { startFakeSentinel } from '../support/fake-sentinel.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startSentinelPool } from '../support/sentinel-pool.ts';
import { waitFor } from '../support/wait-for.ts';

const CHECK = 'health_check: { interval: 50ms, timeout: 1s, failures: 1, successes: 1 }';

async function server(t: TestContext, ...args: string[]): Promise<RedisServer> {
  const redis = await startRedis({ args });
  t.after(() => redis.kill());
  return redis;
}

async function stateOf(daemon: Daemon, server: string): Promise<{ state: string; why: string | null } | undefined> {
  const { body } = await daemon.page('/api/v1/servers');
  const { servers } = JSON.parse(body) as { servers: { server: string; state: string; why: string | null }[] };
  return servers.find(each => each.server === server);
}

const untilState = (daemon: Daemon, server: string, state: string) =>
  waitFor(async () => (await stateOf(daemon, server))?.state === state, { what: `${server} to be ${state}` });

test('a master that says nothing is unwell, keeps its keys, and is a reason to ask the Sentinels', async t => {
  const [a, successor] = [await server(t), await server(t)];
  const said = await startFakeSentinel({ 'shard-a': { port: a.port, epoch: 1 } });
  t.after(() => said.stop());
  const daemon = await startSentinelPool(t, [said.port], {
    settings: [CHECK, 'timeout: 30s'],
    sentinel: ['refresh_min: 100ms', 'refresh_interval: 1h'],
  });
  const client = await daemon.client('sessions');
  assert.equal(await client.command('SET', 'k', '1'), 'OK');
  await untilState(daemon, 'shard-a', 'in');
  a.freeze();
  t.after(() => a.thaw());
  await untilState(daemon, 'shard-a', 'unwell');
  assert.match(String((await stateOf(daemon, 'shard-a'))?.why), /no (answer|connection)/);
  await daemon.untilMetric('ringmaster_server_down', { server: 'shard-a' }, 1);
  assert.equal(await daemon.metric('ringmaster_server_down_workers', { server: 'shard-a' }), 0);
  const [line] = await daemon.untilLogged(/its place is its own until another is found/);
  assert.equal(line?.event, 'server_down');
  // Nobody else has its keys: who asks waits for it.
  const waiting = client.command('SET', 'k', '2');
  a.thaw();
  assert.equal(await waiting, 'OK');
  await untilState(daemon, 'shard-a', 'in');
  said.masters.set('shard-a', { port: successor.port, epoch: 2 });
  await a.kill();
  await daemon.untilLogged(/fail-over/);
  await untilState(daemon, 'shard-a', 'in');
  // The worker may hear of it after the master has asked the successor.
  await waitFor(async () => (await client.command('SET', 'k', '3')) === 'OK', { what: 'a write at the successor' });
  assert.deepEqual(await successor.command('GET', 'k'), Buffer.from('3'));
  client.destroy();
});

test('a replica that Sentinels tell of is out while health checks find it down', async t => {
  const a = await server(t);
  const replica = await server(t, '--replicaof', '127.0.0.1', String(a.port), '--repl-diskless-sync-delay', '0');
  await waitFor(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))), {
    what: 'the replica to follow',
  });
  const replicas = [{ port: replica.port }];
  const said = await startFakeSentinel({ 'shard-a': { port: a.port, epoch: 1, replicas } });
  t.after(() => said.stop());
  const daemon = await startSentinelPool(t, [said.port], {
    // It would be found by this, too, but later.
    settings: [CHECK, 'read_from: replica', 'replica_check: 1h'],
  });
  const name = `127.0.0.1:${replica.port}`;
  await untilState(daemon, name, 'in');
  replica.freeze();
  t.after(() => replica.thaw());
  await untilState(daemon, name, 'down');
  assert.match(String((await stateOf(daemon, name))?.why), /no (answer to PING|connection)/);
  const client = await daemon.client('sessions');
  assert.equal(await client.command('GET', 'k'), null);
  client.destroy();
});

test('nodes of a cluster are asked, and keep their slots', async t => {
  const cluster = await startCluster({ primaries: 2 });
  t.after(() => cluster.stop());
  const [first, second] = cluster.nodes.map(node => node.server) as [RedisServer, RedisServer];
  const daemon = await startClusterPool(t, [first.port, second.port], { settings: [CHECK] });
  const name = `127.0.0.1:${second.port}`;
  await waitFor(async () => (await daemon.metric('ringmaster_server_health_checks_total')) >= 4, { what: 'checks' });
  assert.equal(await daemon.metric('ringmaster_server_down'), 0);
  second.freeze();
  t.after(() => second.thaw());
  await untilState(daemon, name, 'unwell');
  second.thaw();
  await untilState(daemon, name, 'in');
  const client = await daemon.client('orders');
  for (let i = 0; i < 20; i++) assert.equal(await client.command('SET', `k${i}`, i), 'OK');
  client.destroy();
});
