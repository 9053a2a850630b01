// One port for several pools: what holds whom there. Those who have not signed in are held to the limits of a port by user; all others,
// by whichever port they have come, to those of the pool that serves them.
// Rates are so small that nothing fills while a test runs.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { askAdmin } from '../support/admin-client.ts';
import { Authority } from '../support/certificates.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitForEvent } from '../support/wait-for.ts';

const LIMITED = '-ERR over a limit for this client, its user or its pool: try again later\r\n';
const NIL = '$-1\r\n';
const FULL = '-ERR max number of clients reached\r\n';
const OF_POOL = ['limits: { requests: 2/24h, burst: 24h, over: error }'];
const OF_ADDRESS = ['address_limits: { requests: 2/24h, connections: 1, burst: 24h, over: error }'];

/** A port that leads to the pools a and b, which have these limits. */
async function start(
  t: TestContext,
  front: readonly string[],
  { a, b = [], users = [] }: { a: readonly string[]; b?: readonly string[]; users?: readonly string[] },
): Promise<Daemon> {
  const server = await startRedis();
  t.after(() => server.kill());
  const pool = (settings: readonly string[]) => ({
    protocol: 'redis' as const,
    servers: [server.port],
    hasNoPort: true,
    settings,
  });
  return startDaemon(
    t,
    { front: { protocol: 'redis', servers: [], settings: front }, a: pool(a), b: pool(b) },
    { workers: 1, settings: users },
  );
}

async function client(t: TestContext, daemon: Daemon): Promise<RawClient> {
  const connected = await daemon.client('front');
  t.after(() => connected.destroy());
  return connected;
}

async function answers(talker: RawClient, ...requests: readonly string[]): Promise<string[]> {
  talker.send(Buffer.concat(requests.map(request => encodeCommand(...request.split(' ')))));
  return (await talker.readReplies(requests.length)).map(String);
}

test('by number: clients are held to the limits of the pool that they have selected, and to those only', async t => {
  const daemon = await start(t, ['pool_by: database', 'pools: { 0: a, 1: b }'], { a: OF_POOL, b: OF_ADDRESS });
  const one = await client(t, daemon);
  assert.deepEqual(await answers(one, 'GET k', 'GET k', 'GET k'), [NIL, NIL, LIMITED]);
  // The address is new to the limits of this pool, and what is never refused is not charged before the master has spoken.
  assert.deepEqual(await answers(one, 'SELECT 1', 'GET k', 'GET k', 'GET k'), ['+OK\r\n', NIL, NIL, LIMITED]);
  assert.deepEqual(await answers(one, 'SELECT 0', 'GET k'), ['+OK\r\n', LIMITED]);
  await answers(one, 'SELECT 1');
  const other = await client(t, daemon);
  other.send(encodeCommand('SELECT', '1'));
  assert.equal(String(await other.readToEnd()), FULL);
});

test('by server name: likewise from the first request on', async t => {
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('port', 'DNS:a.test,DNS:b.test');
  const tls = `listen_tls: { cert: ${cert}, key: ${key} }`;
  const front = ['pool_by: server_name', 'pools: { a.test: a, b.test: b }', tls];
  const daemon = await start(t, front, { a: OF_POOL, b: OF_ADDRESS });
  const talker = async (servername: string) => {
    const socket = connect({ host: '127.0.0.1', port: daemon.port('front'), ca: authority.pem(), servername });
    t.after(() => socket.destroy());
    await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
    return new RawClient(socket);
  };
  const requests = ['GET k', 'GET k', 'GET k'];
  assert.deepEqual(await answers(await talker('a.test'), ...requests), [NIL, NIL, LIMITED]);
  assert.deepEqual(await answers(await talker('a.test'), 'GET k'), [LIMITED]);
  assert.deepEqual(await answers(await talker('b.test'), ...requests), [NIL, NIL, LIMITED]);
  assert.equal(String(await (await talker('b.test')).readToEnd()), FULL);
});

test('by user: the limits of the port hold for who has not signed in, those of the pool from AUTH on', async t => {
  const users = ['users:', '  app: { pools: [a], passwords: [geheim], limits: { request_keys: 1 } }'];
  const daemon = await start(t, ['pool_by: user', 'limits: { requests: 2/24h, burst: 24h }'], { a: OF_POOL, users });
  const one = await client(t, daemon);
  one.send(Buffer.concat(['GET k', 'GET k', 'GET k'].map(request => encodeCommand(...request.split(' ')))));
  assert.deepEqual((await one.readReplies(2)).map(String), Array(2).fill('-NOAUTH Authentication required.\r\n'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'front' }, 1);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'a' }, 0);
});

test('by user: what the port has let in is held to its pool and its user', async t => {
  const users = ['users:', '  app: { pools: [a], passwords: [geheim], limits: { request_keys: 1 } }'];
  const daemon = await start(t, ['pool_by: user', 'limits: { requests: 100/24h, burst: 24h }'], { a: OF_POOL, users });
  const one = await client(t, daemon);
  const replies = await answers(one, 'AUTH app geheim', 'MGET k l', 'GET k', 'GET k');
  assert.equal(replies[0], '+OK\r\n');
  assert.match(replies[1] as string, /^-ERR /);
  // AUTH was asked of the pool, and counts there.
  assert.deepEqual(replies.slice(2), [NIL, LIMITED]);
});

test('limits of a port that serves nobody are refused, also while it runs, and those that hold are told apart', async t => {
  const daemon = await start(t, ['pool_by: database', 'pools: { 0: a }'], { a: [] });
  const set = async (settings: Readonly<Record<string, string>>) =>
    askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body: { set: settings } });
  for (const [path, value] of [
    ['front.limits.requests', '1/s'],
    ['front.address_limits.pending', '1'],
    ['front.address_limits.connections', '1'],
    ['front.client_connections', '10'],
  ] as const) {
    const { status, text } = await set({ [path]: value });
    assert.equal(status, 400, text);
    assert.match(text, /a port by database serves nobody itself, clients are those of a pool from their first byte on/);
  }
  assert.equal((await set({ 'a.limits.requests': '1000/s' })).status, 200);
});
