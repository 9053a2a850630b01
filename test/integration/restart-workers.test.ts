import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricOf, postAdmin } from '../support/admin-client.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const WORKERS = 2;
const STORM = 8;
const RESTARTS = 3;

interface Restarted {
  readonly result: string;
  readonly workers: readonly { slot: number; pid: number; oldPid: number; servedAfterMs: number; clientsCut: number }[];
}

/**
 * A client that has all its answers and is silent for 100 ms is let go. Its worker tells by the time when the turn began in which it
 * last read, which on a busy machine is earlier than when the client wrote.
 */
const LET_GO_MS = 50;

/**
 * One short connection: connect, ask, read the answers, close. Every other one asks in two steps; where this process was held up
 * between them, so that a worker that leaves has let the client go meanwhile, nothing is wrong.
 */
async function visit(port: number, nth: number): Promise<void> {
  const client = await RawClient.connect(port);
  let sentAtMs = performance.now();
  let wasHeldUp = false;
  const send = (request: Buffer): void => {
    const beforeMs = sentAtMs;
    sentAtMs = performance.now();
    wasHeldUp = sentAtMs - beforeMs > LET_GO_MS;
    client.send(request);
  };
  try {
    const key = `key${nth % 100}`;
    if (nth % 2 === 0) {
      client.send(encodeCommand('PING'));
      assert.equal(String(await client.readReply()), '+PONG\r\n');
      send(Buffer.concat([encodeCommand('SET', key, key), encodeCommand('GET', key)]));
    } else client.send(Buffer.concat([encodeCommand('SET', key, key), encodeCommand('GET', key)]));
    const replies = (await client.readReplies(2)).join('');
    assert.equal(replies, `+OK\r\n$${key.length}\r\n${key}\r\n`);
    if (nth % 4 === 0) {
      send(encodeCommand('QUIT'));
      assert.equal(String(await client.readReply()), '+OK\r\n');
    }
    assert.equal(client.error, null);
  } catch (error) {
    const isLetGo = client.error === null && /ended inside a reply; it had sent 0 bytes/.test((error as Error).message);
    if (!wasHeldUp || !isLetGo) throw error;
  } finally {
    client.destroy();
  }
}

test('a rolling restart while short connections storm in: none refused, none reset, none unanswered', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port] = (await freePorts(2)) as [number, number];
  const config = `admin: 127.0.0.1:${adminPort}
pools:
  main: { listen: '127.0.0.1:${port}', protocol: redis, servers: ['127.0.0.1:${redis.port}'] }
`;
  const daemon = await startRingmaster({ config, workers: WORKERS });
  t.after(() => daemon.kill());
  const idle = await RawClient.connect(port);

  let isOver = false;
  let visits = 0;
  const faults: string[] = [];
  const storm = Array.from({ length: STORM }, async () => {
    while (!isOver) {
      const nth = visits++;
      await visit(port, nth).catch(error => faults.push(`${nth}: ${error.code ?? ''} ${error.message}`));
    }
  });
  const first = daemon.workerPids();
  for (let i = 0; i < RESTARTS; i++) {
    const pids = daemon.workerPids();
    const answer = await postAdmin(adminPort, '/-/restart-workers');
    assert.equal(answer.status, 200, answer.text);
    const { workers } = answer.json<Restarted>();
    assert.deepEqual(
      workers.map(({ slot, clientsCut }) => [slot, clientsCut]),
      [
        [0, 0],
        [1, 0],
      ],
    );
    assert.deepEqual(
      workers.map(({ oldPid }) => oldPid).sort((a, b) => a - b),
      pids,
    );
    assert.deepEqual(
      workers.map(({ pid }) => pid).sort((a, b) => a - b),
      daemon.workerPids(),
    );
    t.diagnostic(`served after ${workers.map(({ servedAfterMs }) => servedAfterMs).join(' and ')} ms`);
  }
  isOver = true;
  await Promise.all(storm);
  t.diagnostic(`${visits} short connections during ${RESTARTS} rolling restarts of ${WORKERS} workers`);
  assert.deepEqual(faults, []);
  assert.ok(visits > 100, `${visits} connections are a storm`);
  assert.ok(daemon.workerPids().every(pid => !first.includes(pid)));

  assert.equal((await idle.readToEnd()).length, 0);
  assert.equal(idle.error, null, 'an idle client is let go, not reset');
  assert.equal(await metricOf(adminPort, 'ringmaster_worker_restarts_total'), 0, 'a restart is no death');
  const requests = () => metricOf(adminPort, 'ringmaster_pool_requests_total');
  await waitFor(async () => (await requests()) > visits * 2, { what: 'figures that go on' });
  await daemon.stop();
});

test('a second restart while one runs is refused; a reload meanwhile is not', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port] = (await freePorts(2)) as [number, number];
  const config = `admin: 127.0.0.1:${adminPort}
shutdown_timeout: 20s
pools:
  main: { listen: '127.0.0.1:${port}', protocol: redis, timeout: none, servers: ['127.0.0.1:${redis.port}'] }
`;
  const daemon = await startRingmaster({ config, workers: 1 });
  t.after(() => daemon.kill());
  const client = await RawClient.connect(port);
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  redis.freeze();
  client.send(encodeCommand('GET', 'k'));
  const inflight = () => metricOf(adminPort, 'ringmaster_server_inflight_requests');
  await daemon.until(async () => (await inflight()) === 1, 'the request in flight');
  const [old] = daemon.workerPids();

  const restarted = runRingmaster(['restart-workers', '-c', daemon.configFile]);
  await daemon.until(() => daemon.workerPids().length === 2, 'the successor beside the worker that waits for a reply');
  const second = await postAdmin(adminPort, '/-/restart-workers');
  assert.equal(second.status, 409);
  assert.match(second.text, /being restarted already/);
  const reloaded = await runRingmaster(['reload', '-c', daemon.configFile]);
  assert.equal(reloaded.code, 0, reloaded.stderr);
  assert.match(reloaded.stdout, /^reloaded: 1 worker had it after \d+ ms\n {2}nothing is different\n$/);

  redis.thaw();
  assert.equal(String(await client.readReply()), '$1\r\nv\r\n', 'what was pending is answered');
  const { code, stdout } = await restarted;
  assert.equal(code, 0);
  assert.match(
    stdout,
    new RegExp(`^restarted: 1 worker in \\d+ ms\n {2}worker 0: process \\d+ took the place of ${old}\n$`),
  );
  await daemon.stop();
});
