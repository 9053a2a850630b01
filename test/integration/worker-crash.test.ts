import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { askAdmin, metricOf, postAdmin } from '../support/admin-client.ts';
import { isAlive, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { logLines } from '../support/log-lines.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const PRELOAD = pathToFileURL(`${import.meta.dirname}/../support/worker-preload.ts`).href;

interface Scene {
  readonly redis: RedisServer;
  readonly daemon: Ringmaster;
  readonly adminPort: number;
  readonly port: number;
  /** Another free port. */
  readonly otherPort: number;
}

interface Options {
  readonly workers?: number;
  readonly top?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
}

async function start(t: TestContext, { workers = 1, top = '', env = {}, args = [] }: Options = {}): Promise<Scene> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port, otherPort] = (await freePorts(3)) as [number, number, number];
  const config = `admin: 127.0.0.1:${adminPort}
${top}pools:
  main: { listen: '127.0.0.1:${port}', protocol: redis, timeout: none, servers: ['127.0.0.1:${redis.port}'] }
`;
  const daemon = await startRingmaster({
    config,
    workers,
    args,
    env: { NODE_OPTIONS: `--import ${PRELOAD}`, ...env },
  });
  t.after(() => daemon.kill());
  return { redis, daemon, adminPort, port, otherPort };
}

/** A client whose request has gone to a server that does not answer before `thaw`. */
async function waitingClient({ redis, port, adminPort }: Scene): Promise<RawClient> {
  const client = await RawClient.connect(port);
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  redis.freeze();
  client.send(encodeCommand('GET', 'k'));
  const inflight = () => metricOf(adminPort, 'ringmaster_server_inflight_requests');
  await waitFor(async () => (await inflight()) === 1, { what: 'the request in flight' });
  return client;
}

/** Waits for a line of the log. */
async function logged(daemon: Ringmaster, msg: RegExp): Promise<Readonly<Record<string, unknown>>> {
  await daemon.until(() => logLines(daemon.stderr()).some(line => msg.test(line.msg)), `${msg} in the log`);
  return logLines(daemon.stderr()).findLast(line => msg.test(line.msg))!;
}

describe('an uncaught error in a worker', () => {
  test('is logged with its place; the worker answers what is pending while its successor serves', async t => {
    const scene = await start(t, { env: { TEST_THROW: 'a mistake' } });
    const { daemon, redis, port, adminPort } = scene;
    const client = await waitingClient(scene);
    const [crashed] = daemon.workerPids();
    process.kill(crashed!, 'SIGWINCH');

    const line = await logged(daemon, /^uncaught error/);
    assert.equal(line.level, 60);
    assert.match((line.err as { stack: string }).stack, /^Error: a mistake\n.*worker-preload\.ts:\d+:\d+/);
    const death = await logged(daemon, /^worker died/);
    assert.equal(death.reason, 'an uncaught error: a mistake');
    await waitFor(async () => (await metricOf(adminPort, 'ringmaster_workers', { state: 'running' })) === 1, {
      what: 'the successor',
    });
    const next = await RawClient.connect(port);
    assert.equal(await next.command('PING'), 'PONG');
    assert.ok(isAlive(crashed!), 'the worker that failed still waits for the reply');
    assert.equal(await metricOf(adminPort, 'ringmaster_worker_restarts_total'), 1);

    redis.thaw();
    assert.equal(String(await client.readReply()), '$1\r\nv\r\n');
    await waitFor(() => !isAlive(crashed!), { what: 'the end of the worker that failed' });
    await daemon.stop();
  });
});

describe('a worker that is killed', () => {
  test('loses its own clients only, and is replaced at once', async t => {
    const { daemon, port, adminPort } = await start(t, { workers: 2 });
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)));
    for (const client of clients) assert.equal(await client.command('PING'), 'PONG');
    const [killed] = daemon.workerPids();
    const figure = async (worker: string) => metricOf(adminPort, 'ringmaster_worker_client_connections', { worker });
    let counts: number[] = [];
    const areAllCounted = async () => {
      counts = [await figure('0'), await figure('1')];
      return counts[0]! + counts[1]! === clients.length;
    };
    await waitFor(areAllCounted, { what: 'all clients to be counted' });
    process.kill(killed!, 'SIGKILL');
    const death = await logged(daemon, /^worker died/);
    assert.deepEqual([death.signal, death.restartInMs], ['SIGKILL', 0]);
    await logged(daemon, /^worker serves/);
    const alive: RawClient[] = [];
    for (const client of clients) {
      const reply = await client.command('PING').catch(() => null);
      if (reply === 'PONG') alive.push(client);
    }
    assert.equal(alive.length, counts[1 - (death.slot as number)]);
    await daemon.stop();
  });

  test('is replaced fast: a client that connects meanwhile waits, and is answered', async t => {
    const { daemon, port } = await start(t);
    const tookMs: number[] = [];
    for (let i = 0; i < 3; i++) {
      // A worker that has lived for a while: the young are not replaced at once again and again.
      const [pid] = daemon.workerPids();
      const startedAt = performance.now();
      process.kill(pid!, 'SIGKILL');
      await waitFor(() => !isAlive(pid!), { what: 'the death of the worker', everyMs: 1 });
      const client = await RawClient.connect(port);
      assert.equal(await client.command('PING'), 'PONG');
      tookMs.push(Math.round(performance.now() - startedAt));
      client.destroy();
    }
    t.diagnostic(`from kill -9 to the first answer of the successor: ${tookMs.join(', ')} ms`);
    const deaths = () => logLines(daemon.stderr()).filter(line => line.msg.startsWith('worker died'));
    await daemon.until(() => deaths().length === 3, 'three deaths');
    // At once where it had lived for a while, then ever more seldom; all of them young makes 0, 100 and 200 ms.
    for (const { restartInMs } of deaths()) assert.ok(Number(restartInMs) <= 200, `after ${restartInMs} ms`);
    await daemon.stop();
  });
});

test('workers that keep dying are started ever more seldom, and everybody can see it', async t => {
  const dieFile = path.join(temporaryDirectory('die'), 'die');
  const { daemon, adminPort, port } = await start(t, { env: { TEST_DIE_FILE: dieFile } });
  writeFileSync(dieFile, '');
  process.kill(daemon.workerPids()[0]!, 'SIGKILL');
  const deaths = () => logLines(daemon.stderr()).filter(line => line.msg.startsWith('worker died'));
  await daemon.until(() => deaths().length >= 5, 'five deaths', 30_000);
  const pauses = deaths().map(line => line.restartInMs);
  assert.deepEqual(
    pauses.slice(1, 5),
    [0, 100, 200, 400]
      .slice(pauses[0] === 0 && pauses[1] === 0 ? 0 : 1)
      .concat(800)
      .slice(0, 4),
  );
  assert.match(String(deaths().at(-1)!.reason), /^it exited with code 7$/);

  await waitFor(async () => (await metricOf(adminPort, 'ringmaster_workers', { state: 'backing_off' })) === 1, {
    what: 'the slot in back-off',
  });
  const readiness = await askAdmin(adminPort, '/readyz');
  assert.equal(readiness.status, 503);
  const [worker] = readiness.json<{ workers: { state: string; why: string; restarts: number }[] }>().workers;
  if (worker!.state === 'backing_off') assert.equal(worker!.why, 'it exited with code 7');
  assert.ok(worker!.restarts >= 4);
  assert.ok((await metricOf(adminPort, 'ringmaster_worker_restarts_total')) >= 4);

  // A client that connects now waits in the slot's socket for the worker to come.
  const client = await RawClient.connect(port);
  client.send(encodeCommand('PING'));
  rmSync(dieFile);
  assert.equal(String(await client.readReply()), '+PONG\r\n');
  assert.equal((await askAdmin(adminPort, '/readyz')).status, 200);
  await daemon.stop();
});

test('a restart whose successors die says so, and the old worker goes on', async t => {
  const dieFile = path.join(temporaryDirectory('die'), 'die');
  const { daemon, adminPort, port } = await start(t, { env: { TEST_DIE_FILE: dieFile } });
  const client = await RawClient.connect(port);
  writeFileSync(dieFile, '');
  const answer = await postAdmin(adminPort, '/-/restart-workers');
  assert.equal(answer.status, 500);
  const { result, error } = answer.json<{ result: string; error: string }>();
  assert.equal(result, 'incomplete');
  assert.match(error, /^worker slot 0: no successor for process \d+: it exited with code 7$/);
  assert.equal(await client.command('PING'), 'PONG');
  const other = await RawClient.connect(port);
  assert.equal(await other.command('PING'), 'PONG');
  rmSync(dieFile);
  assert.equal((await client.readToEnd()).length, 0, 'let go once a successor serves');
  const next = await RawClient.connect(port);
  assert.equal(await next.command('PING'), 'PONG');
  await daemon.stop();
});

describe('TERM', () => {
  test('answers what is pending, then exits with 0', async t => {
    const scene = await start(t);
    const { daemon, redis } = scene;
    const [client, idle] = [await waitingClient(scene), await RawClient.connect(scene.port)];
    daemon.signal('SIGTERM');
    await logged(daemon, /^worker drains/);
    assert.equal((await askAdmin(scene.adminPort, '/readyz')).status, 503, 'not ready while it drains');
    assert.equal((await idle.readToEnd()).length, 0);
    redis.thaw();
    assert.equal(String(await client.readReply()), '$1\r\nv\r\n');
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null });
    assert.equal((await logged(daemon, /^ringmaster is done/)).clientsCut, 0);
  });

  test('cuts off what takes longer than shutdown_timeout, says how many, and still exits with 0', async t => {
    const scene = await start(t, { top: 'shutdown_timeout: 300ms\n' });
    const client = await waitingClient(scene);
    const startedAt = performance.now();
    scene.daemon.signal('SIGTERM');
    assert.deepEqual(await scene.daemon.exit(), { code: 0, signal: null });
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs >= 250, `${tookMs} ms`);
    assert.equal((await logged(scene.daemon, /^ringmaster is done/)).clientsCut, 1);
    assert.match(scene.daemon.stderr(), /clients cut off: they were not done within shutdown_timeout/);
    await client.closed;
  });

  test('a second time: the master ends at once, the worker still answers', async t => {
    const scene = await start(t);
    const client = await waitingClient(scene);
    scene.daemon.signal('SIGTERM');
    await logged(scene.daemon, /^worker drains/);
    scene.daemon.signal('SIGTERM');
    await waitFor(() => !isAlive(scene.daemon.pid), { what: 'the end of the master' });
    scene.redis.thaw();
    assert.equal(String(await client.readReply()), '$1\r\nv\r\n');
    await client.closed;
  });

  test('ends a worker that hangs', async t => {
    const { daemon } = await start(t, { top: 'shutdown_timeout: 100ms\n' });
    process.kill(daemon.workerPids()[0]!, 'SIGSTOP');
    daemon.signal('SIGTERM');
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null });
    await logged(daemon, /^worker did not end within shutdown_timeout: killed/);
  });
});

test('when the master is gone, workers answer what is pending and exit', async t => {
  const scene = await start(t);
  const { daemon, redis } = scene;
  const client = await waitingClient(scene);
  const [worker] = daemon.workerPids();
  process.kill(daemon.pid, 'SIGKILL');
  await waitFor(() => !isAlive(daemon.pid), { what: 'the end of the master' });
  redis.thaw();
  assert.equal(String(await client.readReply()), '$1\r\nv\r\n');
  assert.equal((await client.readToEnd()).length, 0);
  await waitFor(() => !isAlive(worker!), { what: 'the end of the worker' });
});

describe('a log that cannot be written', () => {
  test('full: lines are lost, not the service', async t => {
    const { daemon, adminPort, port } = await start(t, { args: ['-o', '/dev/full'] });
    const [worker] = daemon.workerPids();
    assert.equal((await postAdmin(adminPort, '/-/reload')).status, 200);
    const client = await RawClient.connect(port);
    assert.equal(await client.command('PING'), 'PONG');
    client.destroy();
    assert.equal((await postAdmin(adminPort, '/-/restart-workers')).status, 200);
    assert.equal(isAlive(worker!), false);
    await daemon.stop();
  });

  test('its directory is gone: the log goes on in the file that is open, new workers write to standard error', async t => {
    const dir = temporaryDirectory('log');
    const { daemon, adminPort, port } = await start(t, { args: ['-o', path.join(dir, 'ringmaster.log')] });
    const workers = daemon.workerPids();
    rmSync(dir, { recursive: true });
    daemon.signal('SIGUSR1');
    daemon.signal('SIGHUP');
    assert.equal((await postAdmin(adminPort, '/-/reload')).status, 200);
    const client = await RawClient.connect(port);
    assert.equal(await client.command('PING'), 'PONG');
    client.destroy();
    assert.deepEqual(daemon.workerPids(), workers);
    assert.equal((await postAdmin(adminPort, '/-/restart-workers')).status, 200);
    await logged(daemon, /^cannot open the log file: logging to standard error/);
    await daemon.stop();
  });
});
