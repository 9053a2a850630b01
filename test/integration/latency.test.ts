// Durations in /metrics: every request is timed, whatever becomes of it. How long things take is not told here, only that
// what was held back took at least as long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering, late, startFakeBackend } from '../support/fake-backend.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { parsePrometheusText } from '../support/prometheus-text.ts';
import { startRedis } from '../support/redis-server.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { untilEqual } from '../support/wait-for.ts';

type Daemon = Awaited<ReturnType<typeof startDaemon>>;

/** Samples of /metrics with these labels, by their names. */
async function samples(daemon: Daemon, name: string, labels: Readonly<Record<string, string>>): Promise<number[]> {
  const { body } = await daemon.page('/metrics');
  const family = parsePrometheusText(body).get(name.replace(/_(bucket|count|sum)$/, ''));
  return (family?.samples ?? [])
    .filter(sample => sample.name === name && Object.entries(labels).every(([key, is]) => sample.labels[key] === is))
    .map(({ value }) => value);
}

/** How often each command was timed in a pool. */
async function counts(daemon: Daemon, pool: string): Promise<Record<string, number>> {
  const { body } = await daemon.page('/metrics');
  const name = 'ringmaster_pool_command_duration_seconds';
  const { samples } = parsePrometheusText(body).get(name)!;
  return Object.fromEntries(
    samples
      .filter(sample => sample.name === `${name}_count` && sample.labels.pool === pool)
      .map(sample => [sample.labels.command!, sample.value]),
  );
}

test('every request of a Redis pool is timed once: pipelined, split, answered here, failed', async t => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const ports = servers.map(({ port }) => port);
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: ports, settings: ['hash: murmur'] } });
  const client = await daemon.client('p');
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);
  const requests = [
    ...keys.map(key => ['set', key, 'x'.repeat(100)]),
    ...keys.map(key => ['GET', key]),
    ['mget', ...keys],
    ['set', 'large', 'y'.repeat(300_000)],
    ['get', 'large'],
    ['get', 'a', 'word', 'too', 'many'],
    ['ping'],
    ['no-such-command'],
  ];
  client.send(
    requests.map(words => `*${words.length}\r\n${words.map(w => `$${w.length}\r\n${w}\r\n`).join('')}`).join(''),
  );
  client.send('*1\r\n$4\r\nQUIT\r\n');
  await client.readToEnd();

  const expected = { get: 52, mget: 1, ping: 1, quit: 1, set: 51, unknown: 1 };
  await untilEqual(() => counts(daemon, 'p'), expected, 'the commands that were asked');
  assert.deepEqual(await samples(daemon, 'ringmaster_pool_request_duration_seconds_count', { pool: 'p' }), [107]);
  const parts = await samples(daemon, 'ringmaster_server_request_duration_seconds_count', { pool: 'p' });
  assert.equal(
    parts.reduce((sum, count) => sum + count, 0),
    // The last are the questions what the servers know of a command that we don't.
    50 + 50 + 2 + 2 + 2,
  );
  const queued = await samples(daemon, 'ringmaster_server_queue_duration_seconds_count', { pool: 'p' });
  assert.deepEqual(queued, parts);
});

test('every request of a memcached pool is timed once, also one that wants no reply', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { p: { protocol: 'memcached', servers: [server.port] } });
  const client = await daemon.client('p');
  client.send('set a 0 0 1 noreply\r\nx\r\nget a\r\nget a b\r\nversion\r\nbad\r\nquit\r\n');
  await client.readToEnd();
  await untilEqual(
    () => counts(daemon, 'p'),
    { get: 2, quit: 1, set: 1, unknown: 1, version: 1 },
    'the commands that were asked',
  );
});

test('a server that answers late is told from one that does not, and so is the time a request waited here', async t => {
  const DELAY_MS = 60;
  const slow = await startFakeBackend(answering(redisRequest, () => '$1\r\nx\r\n', late(DELAY_MS)));
  const quick = await startFakeBackend(answering(redisRequest, () => '$1\r\nx\r\n'));
  t.after(() => Promise.all([slow.close(), quick.close()]));
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [slow.port, quick.port], settings: ['hash: murmur'] },
  });
  const client = await daemon.client('p');
  for (let i = 0; i < 20; i++) client.send(`*2\r\n$3\r\nGET\r\n$4\r\nk:${String(i).padStart(2, '0')}\r\n`);
  await client.readUntil(20 * '$1\r\nx\r\n'.length);

  await untilEqual(() => counts(daemon, 'p'), { get: 20 }, 'all requests');
  const seconds = DELAY_MS / 1000;
  const server = 'server-0';
  const late0 = await samples(daemon, 'ringmaster_server_request_duration_seconds_bucket', { server, le: '0.05' });
  assert.deepEqual(late0, [0], 'the slow one has none that was quick');
  const name = 'ringmaster_pool_latency_seconds';
  for (const window of ['10s', '1m', '15m']) {
    const [longest] = await samples(daemon, name, { pool: 'p', window, quantile: '1' });
    assert.ok(longest! >= seconds, `${window}: ${longest}`);
  }
});

test('what failed was timed too: it took as long as it was waited for', async t => {
  const TIMEOUT_MS = 100;
  const mute = await startFakeBackend(() => {});
  t.after(() => mute.close());
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [mute.port], settings: [`timeout: ${TIMEOUT_MS}`] },
  });
  const client = await daemon.client('p');
  client.send('*2\r\n$3\r\nGET\r\n$1\r\na\r\n');
  await client.readReply();
  await untilEqual(() => counts(daemon, 'p'), { get: 1 }, 'the request');
  const name = 'ringmaster_pool_latency_seconds';
  const [longest] = await samples(daemon, name, { pool: 'p', window: '10s', quantile: '1' });
  assert.ok(longest! >= TIMEOUT_MS / 1000, `${longest}`);
  assert.deepEqual(await samples(daemon, 'ringmaster_server_request_duration_seconds_count', { pool: 'p' }), []);
});

test('durations outlive the worker that measured them', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [server.port] } });
  const client = await daemon.client('p');
  client.send('*2\r\n$3\r\nGET\r\n$1\r\na\r\n');
  await client.readReply();
  await untilEqual(() => counts(daemon, 'p'), { get: 1 }, 'the request');
  const [pid] = daemon.ringmaster.workerPids();
  process.kill(pid!, 'SIGKILL');
  await daemon.ringmaster.until(() => !daemon.ringmaster.workerPids().includes(pid!), 'the end of the worker');
  assert.deepEqual(await counts(daemon, 'p'), { get: 1 });
});
