// Who is over a limit and goes on with all it has: on many connections, in deep pipelines, with large requests. The worker keeps
// little of it, and the others notice nothing. Rates are so small that nothing fills while a test runs.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor, waitForEvent } from '../support/wait-for.ts';

const LIMITED = '-ERR over a limit for this client, its user or its pool: try again later\r\n';
const FLOOD = 40;
const ADDRESSES = 16;
/** What is read of a client at once, and what it takes to keep that. */
const KEPT_BYTES = 2 * 64 * 1024;

let server: RedisServer;
let daemon: Daemon;
const release: (() => unknown)[] = [];

before(async () => {
  server = await startRedis();
  release.push(() => server.kill());
  const pool = (...settings: string[]) => ({ protocol: 'redis', servers: [server.port], settings }) as const;
  const pools = {
    waits: pool('address_limits: { requests: 1/24h, over: wait }'),
    bytes: pool('address_limits: { bytes_in: 1kb/24h, over: wait }'),
    refuses: pool('address_limits: { requests: 100/24h, burst: 24h, over: error }'),
    floods: pool('limits: { requests: 50/s, over: error }'),
    owes: pool('address_limits: { requests: 10/24h, burst: 24h, over: error }', `limit_addresses: ${ADDRESSES}`),
    free: pool(),
  };
  daemon = await startDaemon({ after: end => release.push(end as () => unknown) }, pools);
});

after(async () => {
  for (const end of release.reverse()) await end();
});

async function flood(t: TestContext, pool: string): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: FLOOD }, () => daemon.client(pool)));
  for (const each of clients) t.after(() => each.destroy());
  return clients;
}

async function othersGoOn(t: TestContext): Promise<void> {
  const other = await daemon.client('free');
  t.after(() => other.destroy());
  assert.equal(await other.command('SET', 'k', 'v'), 'OK');
  assert.equal(String(await other.command('GET', 'k')), 'v');
}

for (const [pool, request] of [
  ['waits', encodeCommand('SET', 'k', 'v'.repeat(100))],
  ['bytes', encodeCommand('SET', 'k', 'v'.repeat(200_000))],
] as const) {
  test(`${pool}: what comes above the limit is not read, however much it is`, async t => {
    const clients = await flood(t, pool);
    const much = Buffer.concat(Array.from({ length: Math.ceil(2e6 / request.length) }, () => request));
    for (const each of clients) each.send(much);
    // All but whom the bucket still had something for.
    await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool }, FLOOD);
    await othersGoOn(t);
    const held = await daemon.metric('ringmaster_worker_held_bytes');
    assert.ok(held <= FLOOD * (KEPT_BYTES + request.length), `${held} bytes`);
    for (const each of clients) each.reset();
    await othersGoOn(t);
  });
}

test('refused: each of a thousand requests of each connection has its answer, and the server only hears what the bucket had', async t => {
  const clients = await flood(t, 'refuses');
  const each = 1000;
  const gets = Buffer.concat(Array.from({ length: each }, () => encodeCommand('GETRANGE', 'none', '0', '1')));
  for (const client of clients) client.send(gets);
  let passed = 0;
  for (const client of clients) {
    for (const reply of await client.readReplies(each)) {
      if (String(reply) === '$0\r\n\r\n') passed++;
      else assert.equal(String(reply), LIMITED);
    }
  }
  assert.equal(passed, 100);
  const stats = String(await server.command('INFO', 'commandstats'));
  assert.equal(/cmdstat_getrange:calls=(\d+)/.exec(stats)?.[1], '100');
  await othersGoOn(t);
});

test('what can not be refused, such as PING and wrong passwords, puts off the others by a burst, however many come', async t => {
  const [client, ...pingers] = await flood(t, 'floods');
  const pings = Buffer.from('PING\r\n'.repeat(20_000));
  for (const each of [client!, ...pingers]) each.send(pings);
  // What is there, and as much as may be owed.
  await client!.readReplies(10);
  const guessers = await flood(t, 'floods');
  for (const each of guessers) each.send(Buffer.from('AUTH nobody wrong\r\n'.repeat(1000)));
  await guessers[0]!.readReply();
  const asker = await daemon.client('floods');
  t.after(() => asker.destroy());
  const reply = () => {
    asker.send(encodeCommand('EXISTS', 'none'));
    return asker.readReply().then(String);
  };
  assert.equal(await reply(), LIMITED);
  for (const each of [client!, ...pingers, ...guessers]) each.reset();
  // What all that has come might owe takes hours.
  await waitFor(async () => (await reply()) === ':0\r\n', { what: 'a request that is let through' });
});

test('an address that owes and was forgotten meanwhile is refused when it is back, and nobody is kept waiting', async t => {
  const from = async (localAddress: string, pings = 0, read = () => Promise.resolve()) => {
    const socket = connect({ host: '127.0.0.1', port: daemon.port('owes'), localAddress });
    await waitForEvent(socket, 'connect', { what: 'the connection' });
    const client = new RawClient(socket);
    t.after(() => client.destroy());
    client.send(Buffer.concat([Buffer.from('PING\r\n'.repeat(pings)), encodeCommand('GET', 'none')]));
    await read();
    const reply = String((await client.readReplies(pings + 1)).at(-1));
    await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'owes' }, 1);
    client.destroy();
    // It has no client any more.
    await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'owes' }, 0);
    return reply;
  };
  assert.equal(await from('127.0.0.1', 20), LIMITED);
  for (let i = 0; i < ADDRESSES; i++) assert.equal(await from(`127.0.1.${i}`), '$-1\r\n');
  // What it asks is read before the master has said what the address owes. After a second nobody waits for that: then it has its part.
  daemon.ringmaster.signal('SIGSTOP');
  const read = () => othersGoOn(t).finally(() => daemon.ringmaster.signal('SIGCONT'));
  assert.ok([LIMITED, '$-1\r\n'].includes(await from('127.0.0.1', 0, read)));
});
