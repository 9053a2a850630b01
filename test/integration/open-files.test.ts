// Few open files: clients are turned away before servers and the admin port go without.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const OPEN_FILES = 200;
/** See config/open-files.ts: 64 of its own, one listening socket, one server with two sets of connections. */
const ROOM = OPEN_FILES - 64 - 1 - 2;

/** CPU time of a process so far. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user as number) + (system as number)) * 10;
}

/** Connects, whatever becomes of it, and asks for PONG: `served`, the error line it got, or `closed`. */
async function knock(port: number, kept: RawClient[]): Promise<string> {
  const client = await RawClient.connect(port);
  kept.push(client);
  client.send('PING\r\n');
  const answer = await client.readLine().catch(() => 'closed');
  return String(answer).trim();
}

test('a worker short of open files turns clients away, and serves all others', async t => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const daemon = await startDaemon(
    t,
    { pool: { protocol: 'redis', servers: [redis.port] } },
    { openFiles: OPEN_FILES },
  );
  const [pid] = daemon.ringmaster.workerPids() as [number];
  assert.equal(
    (await daemon.untilLogged(/^leaves open files for 133 clients for each worker/)).length,
    1,
    'said at start',
  );

  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  const answers = await Promise.all(Array.from({ length: 300 }, () => knock(daemon.port('pool'), clients)));
  const count = (answer: string) => answers.filter(each => each === answer).length;
  assert.equal(count('+PONG'), ROOM);
  assert.equal(count('-ERR max number of clients reached') + count('closed'), 300 - ROOM);
  assert.ok(count('-ERR max number of clients reached') > 0, 'some are told why');
  await daemon.untilMetric('ringmaster_pool_clients_turned_away_total', { pool: 'pool' }, 300 - ROOM);
  assert.equal((await daemon.untilLogged(/^clients are turned away/)).length, 1, 'logged once, not for each of them');

  // Servers have their connections, also anew.
  const served = clients.find((_, i) => answers[i] === '+PONG') as RawClient;
  assert.equal(await served.command('SET', 'k', 'v'), 'OK');
  const other = await RawClient.connect(redis.port);
  await other.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await waitFor(async () => String(await served.command('GET', 'k')) === 'v', {
    what: 'a new connection to the server',
  });
  other.destroy();
  assert.equal((await daemon.page('/healthz')).status, 200);
  assert.ok(readdirSync(`/proc/${pid}/fd`).length < OPEN_FILES - 20, 'there is a reserve');

  const before = cpuMs(pid);
  await delay(500);
  assert.ok(cpuMs(pid) - before < 250, `${cpuMs(pid) - before} ms of CPU in 500 ms of nothing`);

  for (const client of clients) client.destroy();
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 0);
  const late = await Promise.all(Array.from({ length: ROOM }, () => knock(daemon.port('pool'), clients)));
  assert.ok(
    late.every(answer => answer === '+PONG'),
    'all places can be had again',
  );
});

test('a worker that runs out of open files survives, and serves again when there are some', async t => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  // The reserve for clients that are turned away is more than there is.
  const openFiles = 44;
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [redis.port] } }, { openFiles });
  const [pid] = daemon.ringmaster.workerPids() as [number];
  assert.equal(
    (await daemon.untilLogged(/a worker may have 44: raise its limit/)).length,
    1,
    daemon.ringmaster.stderr(),
  );
  const clients: RawClient[] = [];
  const knocking = Array.from({ length: 300 }, () => knock(daemon.port('pool'), clients).catch(() => 'closed'));
  const answers = await Promise.all(knocking);
  assert.ok(answers.includes('+PONG'));
  assert.ok(answers.includes('closed'));
  const before = cpuMs(pid);
  await delay(500);
  assert.ok(cpuMs(pid) - before < 250, `${cpuMs(pid) - before} ms of CPU in 500 ms of nothing`);
  assert.equal((await daemon.page('/metrics')).status, 200);
  for (const client of clients) client.destroy();
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 0);
  const client = await daemon.client('pool');
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  client.destroy();
  assert.deepEqual(daemon.ringmaster.workerPids(), [pid], 'nobody died');
});
