// Servers that answer, but do not serve: full, a replica where a master is meant.
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { waitFor, waitForEvent } from '../support/wait-for.ts';
import { ask, readOne, WIRES, type Wire } from '../support/wire.ts';

const [REDIS, MEMCACHED] = WIRES as readonly [Wire, Wire];
const EJECT = ['auto_eject_hosts: true', 'server_failure_limit: 2', 'server_retry_timeout: 60'];

/** Attempts to connect in so long, at most: one every 20 ms while requests ask for a server that refuses at once. */
const mostConnects = (sinceMs: number) => 10 + (performance.now() - sinceMs) / 18;

/** Connections that a server has accepted so far, with that of this question. */
async function connectionsReceived(server: RedisServer): Promise<number> {
  const stats = String(await server.command('INFO', 'stats'));
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
}

/** One address that leads to one server or another. */
async function startSwitch(t: TestContext, target: number) {
  const state = { target };
  const ends = new Set<Socket>();
  const server = createServer(near => {
    const far = connect(state.target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from);
      from.on('data', bytes => to.write(bytes));
      from.on('close', () => to.destroy());
      from.on('error', () => {});
    }
  }).listen(0, '127.0.0.1');
  await waitForEvent(server, 'listening', { what: 'the switch' });
  t.after(() => {
    server.close();
    for (const end of ends) end.destroy();
  });
  return Object.assign(state, { port: (server.address() as { port: number }).port });
}

test('redis at its maxclients: tried with back-off, ejected, and back when it has room', async t => {
  const redis = await startRedis({ args: ['--maxclients', '1'] });
  t.after(() => redis.kill());
  const occupant = await RawClient.connect(redis.port);
  assert.equal(await occupant.command('PING'), 'PONG');
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [redis.port], settings: EJECT } });
  const client = await daemon.client('pool');
  const startedAtMs = performance.now();
  for (let i = 0; i < 300; i++) assert.match(await ask(client, REDIS, `key${i}`), REDIS.error);
  const connects = await daemon.metric('ringmaster_server_connects_total');
  assert.ok(connects < Math.min(300, mostConnects(startedAtMs)), `${connects} connects`);
  await daemon.untilMetric('ringmaster_server_ejected', {}, 1);
  occupant.destroy();
  await waitFor(async () => (await ask(client, REDIS, 'a')) === '$-1\r\n', { what: 'the server to be back' });
  client.destroy();
});

test('memcached at its connection limit: tried with back-off', async t => {
  const memcached = await startMemcached({ args: ['-c', '24', '-t', '1'] });
  t.after(() => memcached.kill());
  const occupants: RawClient[] = [];
  t.after(() => {
    for (const occupant of occupants) occupant.destroy();
  });
  // Until it turns one away.
  for (let isFull = false; !isFull && occupants.length < 64; ) {
    const occupant = await RawClient.connect(memcached.port);
    occupants.push(occupant);
    occupant.send('version\r\n');
    const line = (await occupant.readLine().catch(() => Buffer.from('closed'))).toString();
    isFull = !line.startsWith('VERSION');
  }
  assert.ok(occupants.length < 64, 'it takes any number');
  const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers: [memcached.port] } });
  const client = await daemon.client('pool');
  const startedAtMs = performance.now();
  for (let i = 0; i < 300; i++) assert.match(await ask(client, MEMCACHED, `key${i}`), /^(SERVER_ERROR|ERROR) .*\r\n$/);
  const connects = await daemon.metric('ringmaster_server_connects_total');
  assert.ok(connects < Math.min(300, mostConnects(startedAtMs)), `${connects} connects`);
  for (const occupant of occupants.splice(0)) occupant.destroy();
  await waitFor(async () => (await ask(client, MEMCACHED, 'a')) === 'END\r\n', { what: 'the server to be back' });
  client.destroy();
});

test('after a fail-over behind one address the first error passes, and writes go to the new master', async t => {
  const [master, replica] = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all([master.kill(), replica.kill()]));
  const address = await startSwitch(t, replica.port);
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [address.port] } });
  const client = await daemon.client('pool');
  client.send(REDIS.set('a'));
  assert.equal(await readOne(client, REDIS), '+OK\r\n');
  await replica.command('REPLICAOF', '127.0.0.1', master.port);
  address.target = master.port;
  client.send(REDIS.set('b'));
  assert.match(await readOne(client, REDIS), /^-READONLY /);
  // The connection still led to the old one.
  client.send(REDIS.set('c'));
  assert.equal(await readOne(client, REDIS), '+OK\r\n');
  assert.equal(await master.command('EXISTS', 'c'), 1);
  client.destroy();
});

test('a replica that stays one is out of the ring, with auto_eject_hosts', async t => {
  const [master, replica] = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all([master.kill(), replica.kill()]));
  await replica.command('REPLICAOF', '127.0.0.1', master.port);
  const settings = [...EJECT.slice(0, 2), 'server_retry_timeout: 60s'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [replica.port], settings } });
  const client = await daemon.client('pool');
  const isOut = async () => {
    client.send(REDIS.set('a'));
    return /^-ERR Connection refused/.test(await readOne(client, REDIS));
  };
  await waitFor(isOut, { what: 'the ejection', everyMs: 20 });
  await daemon.untilMetric('ringmaster_server_ejected', {}, 1);
  // And it is left alone from then on.
  const received = await connectionsReceived(replica);
  for (let i = 0; i < 50; i++) assert.ok(await isOut());
  assert.equal(await connectionsReceived(replica), received + 1, 'nobody but this question connects');
  client.destroy();
});

test('a server that comes back is used while requests ask for it, without waiting for the back-off', async t => {
  const first = await startRedis();
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [first.port] } });
  const client = await daemon.client('pool');
  assert.equal(await ask(client, REDIS, 'a'), '$-1\r\n');
  await first.kill();
  const startedAtMs = performance.now();
  // Long enough for a back-off of a second.
  while (performance.now() - startedAtMs < 2500) assert.match(await ask(client, REDIS, 'a'), REDIS.error);
  const connects = await daemon.metric('ringmaster_server_connects_total');
  assert.ok(connects < mostConnects(startedAtMs), `${connects} connects`);
  const second = await startRedis({ port: first.port });
  t.after(() => second.kill());
  const before = await connectionsReceived(second);
  await waitFor(async () => (await ask(client, REDIS, 'a')) === '$-1\r\n', { what: 'the server', everyMs: 1 });
  const attempts = (await connectionsReceived(second)) - 1 - before;
  assert.ok(attempts <= 3, `${attempts} attempts until it was found`);
  client.destroy();
});
