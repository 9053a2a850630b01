// Who is over a limit and goes on with all it has: on many connections, in deep pipelines, with large requests. The worker keeps
// little of it, and the others notice nothing. Rates are so small that nothing fills while a test runs.
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const LIMITED = '-ERR over a limit for this client, its user or its pool: try again later\r\n';
const FLOOD = 40;
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
