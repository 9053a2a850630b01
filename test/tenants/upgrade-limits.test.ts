// Rates and pending requests when a new master takes the place of the running one: over all programs there is one limit and one burst.
// Rates are so small that nothing fills while a test runs.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isAlive } from '../support/child.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { startUpgradableDaemon, type UpgradableDaemon } from '../support/upgradable-daemon.ts';
import { waitFor } from '../support/wait-for.ts';

interface Started extends UpgradableDaemon {
  /** Of `limited`, and of `other`, which has no limits. */
  readonly servers: readonly [RedisServer, RedisServer];
  client(pool: string): Promise<RawClient>;
}

async function start(t: TestContext, limits: readonly string[]): Promise<Started> {
  const servers = [await startRedis(), await startRedis()] as const;
  for (const server of servers) t.after(() => server.kill());
  const pool = (server: RedisServer, settings: readonly string[]) => ({
    protocol: 'redis' as const,
    servers: [server.port],
    settings: ['timeout: 60s', ...settings],
  });
  const started = await startUpgradableDaemon(t, { limited: pool(servers[0], limits), other: pool(servers[1], []) });
  const client = async (name: string) => {
    const connected = await started.daemon.client(name, { timeoutMs: 60_000 });
    t.after(() => connected.destroy());
    return connected;
  };
  return { ...started, servers, client };
}

/** Of a client that the old one lets go: from now on it accepts nobody. What it reads then it answers whatever the limits say. */
async function letGo(client: RawClient): Promise<void> {
  assert.equal(String(await client.readToEnd()), '');
}

const gets = (count: number) => Buffer.concat(Array.from({ length: count }, () => encodeCommand('GET', 'k')));

async function getsAt(server: RedisServer): Promise<number> {
  const stats = String(await server.command('INFO', 'commandstats'));
  return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** Keeps the program that serves now from ending. */
async function keep({ daemon, servers, client }: Started): Promise<RawClient> {
  servers[1].freeze();
  const busy = await client('other');
  busy.send(gets(1));
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'other' }, 1);
  return busy;
}

for (const isOldThere of [false, true]) {
  test(`what is left of a burst is there for the new one, and no more, ${isOldThere ? 'while the old one has clients' : 'once the old one has ended'}`, async t => {
    const started = await start(t, ['limits: { requests: 240/24h, burst: 1h }']);
    const { daemon, servers, client, upgrade, gone } = started;
    const busy = isOldThere ? await keep(started) : null;
    const before = await client('limited');
    before.send(gets(4));
    await before.readReplies(4);
    await upgrade();
    await letGo(before);
    if (!isOldThere) await gone();
    const after = await client('limited');
    after.send(gets(20));
    await after.readReplies(6);
    await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'limited' }, 1);
    if (isOldThere) {
      assert.ok(isAlive(daemon.ringmaster.pid));
      servers[1].thaw();
      await busy?.readReply();
      await gone();
    }
    // Nothing has come of the end of the old one.
    const other = await client('limited');
    other.send(gets(1));
    await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'limited' }, 2);
    assert.equal(await getsAt(servers[0]), 10);
  });
}

test('three programs that follow each other have one burst', async t => {
  const started = await start(t, ['address_limits: { requests: 240/24h, burst: 1h }']);
  const { daemon, servers, client, upgrade, gone } = started;
  const busy = await keep(started);
  const pids: number[] = [];
  for (const count of [3, 2]) {
    const one = await client('limited');
    one.send(gets(count));
    await one.readReplies(count);
    pids.push(await upgrade());
    await letGo(one);
  }
  const last = await client('limited');
  last.send(gets(20));
  await last.readReplies(5);
  servers[1].thaw();
  await busy.readReply();
  await gone();
  await waitFor(() => !isAlive(pids[0] as number), { what: 'the end of the second', timeoutMs: 20_000 });
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'limited' }, 1);
  assert.equal(await getsAt(servers[0]), 10);
});

test('requests that the old one has yet to have answered are pending for the new one, too', async t => {
  const { daemon, servers, client, upgrade, gone } = await start(t, ['limits: { pending: 3 }']);
  const [server] = servers;
  const [old, idle] = [await client('limited'), await client('limited')];
  await idle.command('PING');
  server.freeze();
  old.send(gets(2));
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'limited' }, 2);
  await upgrade();
  await letGo(idle);
  const young = [await client('limited'), await client('limited'), await client('limited')];
  for (const each of young) each.send(gets(1));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'limited' }, 2);
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'limited' }, 1);
  server.thaw();
  assert.equal((await old.readReplies(2)).length, 2);
  for (const each of young) assert.equal(String(await each.readReply()), '$-1\r\n');
  await gone();
  // All three places are the new one's.
  server.freeze();
  for (const each of young) each.send(gets(1));
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'limited' }, 3);
  server.thaw();
  for (const each of young) assert.equal(String(await each.readReply()), '$-1\r\n');
});
