// Ejection with several workers: one worker's trouble with a server changes the ring of all, so that a key never lives on
// two servers.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { postAdmin } from '../support/admin-client.ts';
import { isAlive } from '../support/child.ts';
import { answering, type FakeConnection, startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { waitFor } from '../support/wait-for.ts';
import { clientInEach } from '../support/worker-clients.ts';

const WORKERS = 2;
const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`);
const EJECTED = 'ringmaster_server_ejected';

/** Answers with its name; PING only while it is well. Connections that are to fail are cut at their next request. */
async function startNamed(t: TestContext, name: string) {
  const mood = { isWell: true, fails: (_: FakeConnection) => false };
  const isPing = (bytes: Buffer) => /PING/.test(bytes.toString('latin1'));
  const answer = answering(redisRequest, request =>
    isPing(request) && !mood.isWell ? '-LOADING\r\n' : `+${name}\r\n`,
  );
  const fake = await startFakeBackend((connection, bytes) => {
    if (!isPing(bytes) && mood.fails(connection)) connection.socket.destroy();
    else answer(connection, bytes);
  });
  t.after(() => fake.close());
  return { fake, mood };
}

async function clientOfEachWorker(t: TestContext, daemon: Daemon): Promise<RawClient[]> {
  return clientInEach(WORKERS, async () => {
    const client = await daemon.client('p');
    t.after(() => client.destroy());
    return client;
  });
}

async function routesOf(client: RawClient): Promise<string[]> {
  const routes: string[] = [];
  for (const key of KEYS) routes.push(String(await client.command('GET', key)));
  return routes;
}

test('a server that fails one worker only leaves the ring of both, and comes back to both', async t => {
  const [a, b] = [await startNamed(t, 'a'), await startNamed(t, 'b')];
  const settings = ['hash: md5', 'auto_eject_hosts: true', 'server_failure_limit: 2', 'server_retry_timeout: 50ms'];
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'redis', servers: [a.fake.port, b.fake.port], settings } },
    { workers: WORKERS },
  );
  const [one, two] = (await clientOfEachWorker(t, daemon)) as [RawClient, RawClient];
  const before = await routesOf(two);
  const ofTwo = new Set(b.fake.connections);
  assert.deepEqual(await routesOf(one), before);
  const key = KEYS[before.indexOf('b')] as string;
  assert.ok(before.includes('a') && key !== undefined);

  // It dies for the first worker, and says to probes that it is not ready.
  b.mood.isWell = false;
  b.mood.fails = connection => !ofTwo.has(connection);
  await waitFor(async () => String(await one.command('GET', key)) === 'a', { what: 'the key to have moved' });
  await daemon.untilMetric(EJECTED, { server: 'server-1' }, WORKERS);
  assert.deepEqual(
    await routesOf(one),
    KEYS.map(() => 'a'),
  );
  assert.deepEqual(
    await routesOf(two),
    KEYS.map(() => 'a'),
    'the other worker never saw it fail',
  );
  await daemon.untilMetric('ringmaster_pool_server_ejects_total', {}, 1);
  const [logged, ...more] = await daemon.untilLogged(/^server ejected/);
  assert.deepEqual([logged?.msg, logged?.role, logged?.pool, more], ['server ejected', 'master', 'p', []]);

  // A worker that starts later, a reload, and a restart of all know it as well.
  const [pid] = daemon.ringmaster.workerPids() as [number];
  process.kill(pid, 'SIGKILL');
  await waitFor(() => !isAlive(pid), { what: 'the death of a worker' });
  await daemon.untilMetric('ringmaster_workers', { state: 'running' }, WORKERS);
  await daemon.untilMetric(EJECTED, { server: 'server-1' }, WORKERS);
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  assert.equal(await daemon.metric(EJECTED, { server: 'server-1' }), WORKERS);
  assert.equal((await postAdmin(daemon.adminPort, '/-/restart-workers')).status, 200);
  await daemon.untilMetric(EJECTED, { server: 'server-1' }, WORKERS);

  b.mood.isWell = true;
  b.mood.fails = () => false;
  await daemon.untilMetric(EJECTED, { server: 'server-1' }, 0);
  for (const client of await clientOfEachWorker(t, daemon)) assert.deepEqual(await routesOf(client), before);
});

test('the master is stopped: a worker ejects for itself, and all agree when it goes on', async t => {
  const [a, b] = [await startNamed(t, 'a'), await startNamed(t, 'b')];
  const settings = ['hash: md5', 'auto_eject_hosts: true', 'server_failure_limit: 1', 'server_retry_timeout: 1h'];
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'redis', servers: [a.fake.port, b.fake.port], settings } },
    { workers: WORKERS },
  );
  const [one, two] = (await clientOfEachWorker(t, daemon)) as [RawClient, RawClient];
  const before = await routesOf(one);
  assert.deepEqual(await routesOf(two), before);
  const key = KEYS[before.indexOf('b')] as string;
  daemon.ringmaster.signal('SIGSTOP');
  t.after(() => daemon.ringmaster.signal('SIGCONT'));
  await b.fake.close();
  await waitFor(async () => String(await one.command('GET', key)) === 'a', { what: 'the key to have moved' });
  daemon.ringmaster.signal('SIGCONT');
  await daemon.untilMetric(EJECTED, { server: 'server-1' }, WORKERS);
  assert.deepEqual(
    await routesOf(two),
    KEYS.map(() => 'a'),
  );
});
