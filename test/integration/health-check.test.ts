// Health checks of a running daemon: servers that freeze, die, toggle or refuse leave the ring in all workers and come
// back, as the log and the metrics say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { postAdmin } from '../support/admin-client.ts';
import { answering, type Handler, replacedBy, startFakeBackend } from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { RespError, type RespValue } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

/** A server that is well answers within this also on a busy machine. */
const CHECK = 'health_check: { interval: 50ms, timeout: 1000ms, failures: 2, successes: 2 }';
/** The keys here differ too little for the default. */
const HASH = 'hash: md5';
const WORKERS = 2;
const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`);
const DOWN = /^server is down: health checks failed/;
const UP = /^server is up again/;

async function redisServers(t: TestContext, count: number): Promise<RedisServer[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  t.after(async () => {
    for (const server of servers) {
      server.thaw();
      await server.kill();
    }
  });
  return servers;
}

/** A client in each worker. */
async function clientOfEachWorker(t: TestContext, daemon: Daemon, pool = 'p'): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  await waitFor(
    async () => {
      clients.push(await daemon.client(pool));
      const counts = await Promise.all(
        Array.from({ length: WORKERS }, (_, worker) =>
          daemon.metric('ringmaster_worker_client_connections', { worker: String(worker) }),
        ),
      );
      return counts.every(count => count > 0);
    },
    { what: 'a client in each worker' },
  );
  return clients;
}

/** All keys of all clients are answered. */
async function assertAllServed(clients: readonly RawClient[]): Promise<void> {
  for (const client of clients) {
    for (const key of KEYS) assert.equal(String(await client.command('SET', key, 'v')), 'OK');
  }
}

/** Keys at a server that were set through the proxy. */
async function keysAt(server: RedisServer): Promise<number> {
  return Number(await server.command('DBSIZE'));
}

const isDown = (daemon: Daemon, server: string, workers: number) =>
  daemon.untilMetric('ringmaster_server_down_workers', { server }, workers);

describe('a server that is frozen', () => {
  test('leaves the ring of all workers, also of one that starts later, and is back when it answers again', async t => {
    const [a, b] = (await redisServers(t, 2)) as [RedisServer, RedisServer];
    const daemon = await startDaemon(
      t,
      { p: { protocol: 'redis', servers: [a.port, b.port], settings: [CHECK, HASH] } },
      { workers: WORKERS },
    );
    const clients = await clientOfEachWorker(t, daemon);
    await assertAllServed(clients);
    const share = await keysAt(b);
    assert.ok(share > 0 && share < KEYS.length);

    b.freeze();
    await isDown(daemon, 'server-1', WORKERS);
    await daemon.untilMetric('ringmaster_server_down', { server: 'server-1' }, 1);
    assert.equal(await daemon.metric('ringmaster_server_down', { server: 'server-0' }), 0);
    assert.equal(await daemon.metric('ringmaster_server_ejected'), 0, 'that is another reason');
    await daemon.untilMetric('ringmaster_server_downs_total', { server: 'server-1' }, 1);
    assert.ok((await daemon.metric('ringmaster_server_health_check_failures_total', { server: 'server-1' })) >= 2);
    const [logged, ...more] = await daemon.untilLogged(DOWN);
    assert.deepEqual([more, logged?.pool, logged?.server], [[], 'p', 'server-1']);
    assert.match(String(logged?.why), /^no answer to PING within 1000 ms$/);
    // Whoever asked the frozen one would read that it timed out.
    await assertAllServed(clients);
    assert.equal(await keysAt(a), KEYS.length);

    // A worker that knows nothing but what it is told.
    const [pid] = daemon.ringmaster.workerPids() as [number];
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !daemon.ringmaster.workerPids().includes(pid), { what: 'the death of a worker' });
    await daemon.untilMetric('ringmaster_workers', { state: 'running' }, WORKERS);
    await isDown(daemon, 'server-1', WORKERS);
    await assertAllServed(await clientOfEachWorker(t, daemon));

    // And those that a restart puts in the place of all.
    assert.equal((await postAdmin(daemon.adminPort, '/-/restart-workers')).status, 200);
    await isDown(daemon, 'server-1', WORKERS);
    const later = await clientOfEachWorker(t, daemon);
    await assertAllServed(later);

    b.thaw();
    await b.command('FLUSHALL');
    await isDown(daemon, 'server-1', 0);
    assert.equal((await daemon.untilLogged(UP)).length, 1);
    await assertAllServed(later);
    assert.equal(await keysAt(b), share, 'it has its keys again, and only those');
  });

  test('requests in flight on it are answered when it thaws: the verdict cuts nothing off', async t => {
    const [a, b] = (await redisServers(t, 2)) as [RedisServer, RedisServer];
    const daemon = await startDaemon(t, {
      p: { protocol: 'redis', servers: [a.port, b.port], settings: [CHECK, HASH, 'timeout: none'] },
    });
    const client = await daemon.client('p');
    t.after(() => client.destroy());
    await assertAllServed([client]);
    const key = await keyAt(b, KEYS);
    b.freeze();
    const waiting = client.command('GET', key);
    await isDown(daemon, 'server-1', 1);
    b.thaw();
    assert.equal(String(await waiting), 'v');
  });

  test('memcached', async t => {
    const servers = await Promise.all([startMemcached(), startMemcached()]);
    t.after(() => Promise.all(servers.map(server => server.stop())));
    const ports = servers.map(server => server.port);
    const daemon = await startDaemon(t, { p: { protocol: 'memcached', servers: ports, settings: [CHECK, HASH] } });
    await waitFor(async () => (await daemon.metric('ringmaster_server_health_checks_total')) > 10, { what: 'checks' });
    assert.equal(await daemon.metric('ringmaster_server_down'), 0);
    await servers[1]?.stop();
    await isDown(daemon, 'server-1', 1);
    assert.match(String((await daemon.untilLogged(DOWN))[0]?.why), /ECONNREFUSED/);
  });
});

function errorOf(reply: RespValue): string {
  assert.ok(reply instanceof RespError, `an error, not ${String(reply)}`);
  return reply.text;
}

async function keyAt(server: RedisServer, keys: readonly string[]): Promise<string> {
  for (const key of keys) if (Number(await server.command('EXISTS', key)) === 1) return key;
  throw new Error('the server has none of the keys');
}

test('when all servers are down requests fail at once', async t => {
  const [a, b] = (await redisServers(t, 2)) as [RedisServer, RedisServer];
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [a.port, b.port], settings: [CHECK, HASH] } });
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  a.freeze();
  b.freeze();
  await isDown(daemon, 'server-0', 1);
  await isDown(daemon, 'server-1', 1);
  assert.match(errorOf(await client.command('GET', 'a')), /Connection refused/);
  // Also what would go to any server, or to all.
  assert.match(errorOf(await client.command('MGET', 'a', 'b', 'c')), /Connection refused/);
  a.thaw();
  await isDown(daemon, 'server-0', 0);
  await assertAllServed([client]);
});

/** PING is answered when `isWell`, and everything else always. */
function moody(mood: { isWell: boolean }): Handler {
  return answering(redisRequest, request => {
    const isPing = String(redisWords(request)[0]) === 'PING';
    return isPing && !mood.isWell ? '-LOADING Redis is loading the dataset in memory\r\n' : '+PONG\r\n';
  });
}

test('a server that toggles stays out longer each time', async t => {
  const mood = { isWell: true };
  const fake = await startFakeBackend(moody(mood));
  t.after(() => fake.close());
  const [redis] = (await redisServers(t, 1)) as [RedisServer];
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [redis.port, fake.port], settings: [CHECK, HASH] },
  });
  const answered: number[] = [];
  for (let i = 0; i < 3; i++) {
    mood.isWell = false;
    await isDown(daemon, 'server-1', 1);
    mood.isWell = true;
    const before = fake.requests().length;
    await daemon.ringmaster.until(() => daemon.logged(UP).length === i + 1, 'its return');
    answered.push(fake.requests().length - before);
  }
  assert.deepEqual(
    (await daemon.untilLogged(DOWN, 3)).map(({ successesNeeded }) => successesNeeded),
    [2, 4, 8],
  );
  assert.match(String((await daemon.untilLogged(DOWN))[0]?.why), /^it answers "-LOADING /);
  // One more or less may be under way at either end.
  for (const [i, probes] of [2, 4, 8].entries()) {
    assert.ok(Math.abs((answered[i] as number) - probes) <= 2, `${answered[i]} probes until return ${i}`);
  }
});

test('a server that refuses the password of the pool is down; it is not in the log', async t => {
  const [open] = [await startRedis({ requirepass: 'swordfish' })];
  const other = await startRedis({ requirepass: 'another' });
  t.after(() => Promise.all([open.kill(), other.kill()]));
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [open.port, other.port], settings: [CHECK, HASH, 'redis_auth: swordfish'] },
  });
  await isDown(daemon, 'server-1', 1);
  assert.equal(await daemon.metric('ringmaster_server_down', { server: 'server-0' }), 0);
  assert.match(String((await daemon.untilLogged(DOWN))[0]?.why), /WRONGPASS/);
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  await client.command('AUTH', 'swordfish');
  await assertAllServed([client]);
  assert.doesNotMatch(daemon.ringmaster.stderr(), /swordfish/);
});

test('a reload turns checks off and on, changes their rules, and disturbs no verdict that need not go', async t => {
  const gone = await freePort();
  const [redis] = (await redisServers(t, 1)) as [RedisServer];
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'redis', servers: [redis.port, gone], settings: [CHECK, 'timeout: 1s'] } },
    { workers: WORKERS },
  );
  const { writeConfig, configFile } = daemon.ringmaster;
  const text = readFileSync(configFile, 'utf8');
  const reload = async (next: string) => {
    writeConfig(next);
    const answer = await postAdmin(daemon.adminPort, '/-/reload');
    assert.equal(answer.status, 200, answer.text);
    return answer.json<{ changes: { changed: { settings: string[] }[] } }>().changes.changed[0]?.settings;
  };
  await isDown(daemon, 'server-1', WORKERS);

  assert.deepEqual(await reload(text.replace('timeout: 1s', 'timeout: 2s')), ['timeout']);
  assert.equal(await daemon.metric('ringmaster_server_down_workers', { server: 'server-1' }), WORKERS);
  assert.equal((await daemon.untilLogged(DOWN)).length, 1);

  assert.deepEqual(await reload(text.replace(CHECK, '').replace('timeout: 1s', 'timeout: 2s')), ['health_check']);
  await isDown(daemon, 'server-1', 0);
  assert.equal(await daemon.metric('ringmaster_server_down'), 0);

  await reload(text);
  await isDown(daemon, 'server-1', WORKERS);
  await reload(text.replace(CHECK, CHECK.replace('failures: 2', 'failures: 3')));
  assert.equal(await daemon.metric('ringmaster_server_down'), 1, 'other rules, the same verdict');
  await reload(text.replace(CHECK, ''));
  await reload(text.replace(CHECK, CHECK.replace('failures: 2', 'failures: 4')));
  await isDown(daemon, 'server-1', WORKERS);
  assert.deepEqual(
    (await daemon.untilLogged(DOWN, 3)).map(({ failures }) => failures),
    [2, 2, 4],
  );

  // Somewhere else under the same name: up at once, in all workers.
  const elsewhere = await startFakeBackend(answering(redisRequest, () => '+PONG\r\n', replacedBy('+PONG\r\n')));
  t.after(() => elsewhere.close());
  await reload(text.replace(`:${gone}:`, `:${elsewhere.port}:`));
  await isDown(daemon, 'server-1', 0);
  assert.equal(daemon.logged(UP).length, 0);
});

test('verdict and ejection are apart: an ejected server must answer a probe of the worker too', async t => {
  const [a, b] = (await redisServers(t, 2)) as [RedisServer, RedisServer];
  const settings = [
    CHECK,
    HASH,
    'timeout: 1s',
    'auto_eject_hosts: true',
    'server_failure_limit: 1',
    'server_retry_timeout: 1h',
  ];
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [a.port, b.port], settings } });
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  await assertAllServed([client]);
  const key = await keyAt(b, KEYS);
  b.freeze();
  assert.match(errorOf(await client.command('GET', key)), /timed out/);
  await isDown(daemon, 'server-1', 1);
  await daemon.untilMetric('ringmaster_server_ejected', { server: 'server-1' }, 1);
  b.thaw();
  await isDown(daemon, 'server-1', 0);
  assert.equal(await daemon.metric('ringmaster_server_ejected', { server: 'server-1' }), 1);
  assert.equal(await client.command('GET', key), null, 'another server has it still');
});
