import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type AdminAnswer, askAdmin, metricOf, postAdmin } from '../support/admin-client.ts';
import { temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { logLines } from '../support/log-lines.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { type Ringmaster, runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

/** What the admin server says of a reload, as far as it is looked at here. */
interface Reloaded {
  readonly result: string;
  readonly error?: string;
  readonly problems?: readonly { readonly line: number; readonly path: string }[];
  readonly workers: readonly { readonly slot: number; readonly pid: number; readonly servedAfterMs: number }[];
  readonly changes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly Record<string, unknown>[];
    readonly settings: readonly string[];
  };
}

const WORKERS = 2;

let redisA: RedisServer;
let redisB: RedisServer;
let memcached: MemcachedServer;
let daemon: Ringmaster;
let adminPort: number;
let port: number;
let otherPort: number;
let sparePort: number;

/** One pool on a line of its own. */
function pool(name: string, settings: Record<string, unknown>): string {
  return `  ${name}: ${JSON.stringify({ protocol: 'redis', servers: servers(redisA), ...settings })}\n`;
}

function servers(...all: readonly { readonly port: number }[]): string[] {
  return all.map(server => `127.0.0.1:${server.port}`);
}

function file(pools: string, top = ''): string {
  return `admin: 127.0.0.1:${adminPort}\nshutdown_timeout: 5s\n${top}pools:\n${pools}`;
}

const main = (settings: Record<string, unknown> = {}) => pool('main', { listen: `127.0.0.1:${port}`, ...settings });

/** Has the daemon serve by these pools. */
async function reloadTo(pools: string, top = `workers: ${WORKERS}\n`): Promise<Reloaded> {
  const answer = await tryReload(file(pools, top));
  assert.equal(answer.status, 200, answer.text);
  return answer.json<Reloaded>();
}

function tryReload(text: string): Promise<AdminAnswer> {
  daemon.writeConfig(text);
  return postAdmin(adminPort, '/-/reload');
}

/** Ids of the connections that the proxy has to a server. */
async function connectionIds(server: RedisServer): Promise<number[]> {
  const list = String(await server.command('CLIENT', 'LIST'));
  const others = list.split('\n').filter(line => line !== '' && !line.includes('cmd=client|list'));
  return others.map(line => Number(/^id=(\d+)/.exec(line)![1])).sort((a, b) => a - b);
}

/** A connection to each worker, as far as chance allows: enough of them that none is missed but by bad luck. */
async function clients(at: number, count = 16): Promise<RawClient[]> {
  const all = await Promise.all(Array.from({ length: count }, () => RawClient.connect(at)));
  for (const client of all) assert.equal(await client.command('PING'), 'PONG');
  return all;
}

/** How many workers have clients, once all `count` are counted; the kernel may have given all of them to one. */
async function workersWithClients(count: number): Promise<number> {
  const counts = async () => {
    const { text } = await askAdmin(adminPort, '/metrics');
    const found = [...text.matchAll(/^ringmaster_worker_client_connections\{.*\} (\d+)$/gm)].map(([, n]) => Number(n));
    return found.reduce((sum, each) => sum + each, 0) === count && found;
  };
  return (await waitFor(counts, { what: `${count} clients` })).filter(each => each > 0).length;
}

async function isRefused(at: number): Promise<boolean> {
  try {
    (await RawClient.connect(at)).destroy();
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  }
}

function isError(value: unknown, text: RegExp): void {
  assert.ok(value instanceof RespError, `an error, not ${String(value)}`);
  assert.match(value.text, text);
}

before(async () => {
  [redisA, redisB, memcached] = await Promise.all([startRedis(), startRedis(), startMemcached()]);
  [adminPort, port, otherPort, sparePort] = (await freePorts(4)) as [number, number, number, number];
  daemon = await startRingmaster({ config: file(main(), `workers: ${WORKERS}\n`) });
});

after(async () => {
  await daemon?.stop();
  await Promise.all([redisA?.kill(), redisB?.kill(), memcached?.kill()]);
});

describe('a reload', () => {
  test('adds a pool; the answer says so, and when each worker had it', async () => {
    await reloadTo(main());
    const { changes, workers } = await reloadTo(main() + pool('more', { listen: `127.0.0.1:${otherPort}` }));
    assert.deepEqual(changes, { added: ['more'], removed: [], changed: [], settings: [], needWorkerRestart: [] });
    assert.deepEqual(
      workers.map(({ slot, pid }) => [slot, daemon.workerPids().includes(pid)]),
      [
        [0, true],
        [1, true],
      ],
    );
    for (const client of await clients(otherPort)) client.destroy();
  });

  test('removes a pool: its clients are answered and let go, the others stay', async () => {
    await reloadTo(main() + pool('more', { listen: `127.0.0.1:${otherPort}` }));
    const [staying, leaving] = [await clients(port), await clients(otherPort)];
    const { changes } = await reloadTo(main());
    assert.deepEqual(changes.removed, ['more']);
    assert.ok(await isRefused(otherPort));
    for (const client of leaving) {
      assert.equal((await client.readToEnd()).length, 0);
      assert.equal(client.error, null, 'closed, not reset');
    }
    for (const client of staying) assert.equal(await client.command('PING'), 'PONG');
    for (const client of staying) client.destroy();
  });

  test('moves a pool to another address; its clients stay', async () => {
    await reloadTo(main());
    const old = await clients(port);
    const { changes } = await reloadTo(main({ listen: `127.0.0.1:${otherPort}` }));
    assert.deepEqual(
      changes.changed.map(change => change.settings),
      [['listen']],
    );
    assert.ok(await isRefused(port));
    for (const client of [...old, ...(await clients(otherPort))]) {
      assert.equal(await client.command('PING'), 'PONG');
      client.destroy();
    }
  });

  test('takes another spelling of the same address for the same', async () => {
    await reloadTo(main({ listen: `127.0.0.1:${port}` }));
    const old = await clients(port);
    await reloadTo(main({ listen: `localhost:${port}` }));
    for (const client of [...old, ...(await clients(port))]) {
      assert.equal(await client.command('PING'), 'PONG');
      client.destroy();
    }
  });

  test('widens an address on the same port', async () => {
    await reloadTo(main());
    await reloadTo(main({ listen: `0.0.0.0:${port}` }));
    for (const client of await clients(port)) client.destroy();
  });

  test('renames a pool: clients, server connections and figures stay', async () => {
    await reloadTo(main());
    const old = await clients(port);
    for (const client of old) await client.command('GET', 'k');
    const ids = await connectionIds(redisA);
    const { changes } = await reloadTo(pool('renamed', { listen: `127.0.0.1:${port}` }));
    assert.deepEqual([changes.added, changes.removed], [[], []]);
    assert.deepEqual([changes.changed[0]!.pool, changes.changed[0]!.oldName], ['renamed', 'main']);
    for (const client of [...old, ...(await clients(port))]) await client.command('GET', 'k');
    assert.deepEqual(await connectionIds(redisA), ids);
    const figure = () => metricOf(adminPort, 'ringmaster_pool_client_connections', { pool: 'renamed' });
    await waitFor(async () => (await figure()) >= old.length, { what: 'the clients under the new name' });
    for (const client of old) client.destroy();
  });

  test('swaps the addresses of two pools', async () => {
    const two = (first: number, second: number) =>
      pool('one', { listen: `127.0.0.1:${first}`, servers: servers(redisA) }) +
      pool('two', { listen: `127.0.0.1:${second}`, servers: servers(redisB) });
    await redisA.command('SET', 'who', 'A');
    await redisB.command('SET', 'who', 'B');
    await reloadTo(two(port, otherPort));
    await reloadTo(two(otherPort, port));
    const [first, second] = [await RawClient.connect(port), await RawClient.connect(otherPort)];
    assert.deepEqual(
      [await first.command('GET', 'who'), await second.command('GET', 'who')],
      [Buffer.from('B'), Buffer.from('A')],
    );
    first.destroy();
    second.destroy();
  });

  test('adds, re-weights and removes servers; one that stays keeps its connections', async () => {
    await reloadTo(main());
    const old = await clients(port);
    const use = async () => {
      for (const client of old) {
        for (let i = 0; i < 40; i++) assert.ok(!((await client.command('SET', `${i}:key`, 'v')) instanceof RespError));
      }
    };
    await use();
    const workers = await workersWithClients(old.length);
    // Pools of earlier tests may still be closing theirs.
    await waitFor(async () => (await connectionIds(redisA)).length === workers, { what: 'one connection per worker' });
    await waitFor(async () => (await connectionIds(redisB)).length === 0, { what: 'none to the other server' });
    const ids = await connectionIds(redisA);

    const added = await reloadTo(main({ servers: servers(redisA, redisB) }));
    assert.deepEqual(added.changes.changed[0]!.serversAdded, servers(redisB));
    await use();
    assert.deepEqual(await connectionIds(redisA), ids);
    assert.equal((await connectionIds(redisB)).length, ids.length);

    const [a, b] = servers(redisA, redisB);
    const weighed = await reloadTo(main({ servers: [`${a}:5`, b] }));
    assert.deepEqual(weighed.changes.changed[0]!.serversChanged, [a]);
    await use();
    assert.deepEqual(await connectionIds(redisA), ids);

    const removed = await reloadTo(main());
    assert.deepEqual(removed.changes.changed[0]!.serversRemoved, [b]);
    await use();
    assert.deepEqual(await connectionIds(redisA), ids);
    await waitFor(async () => (await connectionIds(redisB)).length === 0, {
      what: 'no connection to the server that left',
    });
    for (const client of old) client.destroy();
  });

  test('lets requests in flight finish on the server that they were sent to', async () => {
    await reloadTo(main({ servers: servers(redisB) }));
    const client = await RawClient.connect(port);
    await client.command('SET', 'where', 'B');
    redisB.freeze();
    client.send(encodeCommand('GET', 'where'));
    const inflight = () => metricOf(adminPort, 'ringmaster_server_inflight_requests', { pool: 'main' });
    await waitFor(async () => (await inflight()) === 1, { what: 'the request in flight' });
    await reloadTo(main({ servers: servers(redisA) }));
    client.send(encodeCommand('GET', 'who'));
    redisB.thaw();
    assert.deepEqual((await client.readReplies(2)).map(String), ['$1\r\nB\r\n', '$1\r\nA\r\n']);
    client.destroy();
  });

  test('changes the timeout', async () => {
    await reloadTo(main());
    const client = await RawClient.connect(port);
    await client.command('PING');
    await reloadTo(main({ timeout: '100ms' }));
    redisA.freeze();
    isError(await client.command('GET', 'k'), /timed out/);
    redisA.thaw();
    client.destroy();
  });

  test('changes limits for clients that are connected', async () => {
    await reloadTo(main());
    const client = await RawClient.connect(port);
    assert.equal(await client.command('SET', 'big', 'x'.repeat(4000)), 'OK');
    await reloadTo(main({ max_request_bytes: '2kb' }));
    isError(await client.command('SET', 'big', 'x'.repeat(4000)), /larger than the pool accepts/);
    client.destroy();
  });

  test('changes the password towards clients and servers', async t => {
    const locked = await startRedis({ requirepass: 'pw' });
    t.after(() => locked.kill());
    await reloadTo(main({ servers: servers(locked) }));
    const client = await RawClient.connect(port);
    isError(await client.command('GET', 'k'), /NOAUTH/);
    await reloadTo(main({ servers: servers(locked), redis_auth: 'pw' }));
    isError(await client.command('GET', 'k'), /NOAUTH/);
    assert.equal(await client.command('AUTH', 'pw'), 'OK');
    assert.equal(await client.command('SET', 'k', 'v'), 'OK');
    assert.doesNotMatch((await askAdmin(adminPort, '/config')).text, /"pw"/);
    client.destroy();
  });

  test('changes the protocol: clients of the old one are let go, the port speaks the new', async () => {
    await reloadTo(main());
    const old = await clients(port, 4);
    await reloadTo(main({ protocol: 'memcached', servers: [`127.0.0.1:${memcached.port}`] }));
    for (let i = 0; i < 8; i++) {
      const client = await RawClient.connect(port);
      client.send('set k 0 0 1\r\nv\r\nget k\r\n');
      assert.equal(String(await client.readUntil('END\r\n')), 'STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n');
      client.destroy();
    }
    for (const client of old) assert.equal((await client.readToEnd()).length, 0);
  });

  test('changes the log level, and leaves one alone that was set by a signal', async () => {
    const logged = () => logLines(daemon.stderr()).filter(line => line.msg === 'log reopened').length;
    await reloadTo(main(), `workers: ${WORKERS}\nlog: { level: error }\n`);
    const before = logged();
    daemon.signal('SIGUSR1');
    await reloadTo(main(), `workers: ${WORKERS}\nlog: { level: error }\n`);
    assert.equal(logged(), before);
    // Signals that come close together may arrive as one.
    await waitFor(
      async () => {
        daemon.signal('SIGTTIN');
        daemon.signal('SIGUSR1');
        return logged() > before;
      },
      { what: 'a line of level info', everyMs: 20 },
    );
    await reloadTo(main({ timeout: '1s' }), `workers: ${WORKERS}\nlog: { level: error }\n`);
    const { changes } = await reloadTo(main());
    assert.deepEqual(changes.settings, ['log.level']);
    const isLogged = () => {
      const reloads = logLines(daemon.stderr()).filter(line => line.msg.startsWith('configuration reloaded'));
      return (
        isDeepStrictEqual(reloads.at(-1)!.settings, ['log.level']) && /"timeout"/.test(JSON.stringify(reloads.at(-2)))
      );
    };
    await daemon.until(isLogged, 'the reload before in the log, as its level was left alone');
  });

  test('moves the log', async () => {
    const log = path.join(temporaryDirectory('log'), 'ringmaster.log');
    await reloadTo(main(), `workers: ${WORKERS}\nlog: { file: ${log} }\n`);
    // Nobody waits for a log to be written, the answer does not either.
    const logged = (what: RegExp) =>
      waitFor(() => what.test(readFileSync(log, 'utf8')), { what: `${what} in the log` });
    await logged(/"settings":\["log.file"\]/);
    await postAdmin(adminPort, '/-/restart-workers');
    await logged(/"role":"worker 1".*worker drains/);
    const refused = await tryReload(file(main(), `workers: ${WORKERS}\nlog: { file: /nowhere/x.log }\n`));
    assert.equal(refused.status, 409);
    assert.match(refused.text, /\/nowhere\/x\.log/);
    await logged(/not reloaded/);
    await reloadTo(main());
  });

  test('adds workers and takes some away', async () => {
    await reloadTo(main());
    const old = await clients(port);
    const { changes, workers } = await reloadTo(main(), 'workers: 4\n');
    assert.deepEqual([changes.settings, workers.length], [['workers'], 4]);
    const more = await clients(port, 40);
    assert.equal(daemon.workerPids().length, 4);
    for (const client of old) assert.equal(await client.command('PING'), 'PONG');
    await reloadTo(main(), 'workers: 1\n');
    await waitFor(() => daemon.workerPids().length === 1, { what: 'one worker' });
    for (const client of await clients(port)) client.destroy();
    for (const client of [...old, ...more]) assert.equal(client.error, null, 'nobody is reset');
    for (const client of [...old, ...more]) client.destroy();
    await reloadTo(main());
  });

  test('moves the admin port, and still answers where it was asked', async () => {
    await reloadTo(main());
    const [before, next] = [adminPort, sparePort];
    daemon.writeConfig(file(main(), `workers: ${WORKERS}\n`).replace(String(before), String(next)));
    const answer = await postAdmin(before, '/-/reload');
    assert.deepEqual([answer.status, answer.json<Reloaded>().changes.settings], [200, ['admin']]);
    await assert.rejects(askAdmin(before, '/healthz'), { code: 'ECONNREFUSED' });
    assert.equal((await askAdmin(next, '/healthz')).status, 200);
    daemon.writeConfig(file(main(), `workers: ${WORKERS}\n`));
    assert.equal((await postAdmin(next, '/-/reload')).status, 200);
  });

  test('adds a pool on a unix socket, changes its mode, and removes its file with it', async () => {
    const socketPath = path.join(temporaryDirectory('socket'), 'p.sock');
    const withSocket = (mode: string) => main() + pool('local', { listen: `${socketPath} ${mode}` });
    await reloadTo(withSocket('0600'));
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
    const client = await RawClient.connect(socketPath);
    assert.equal(await client.command('PING'), 'PONG');
    await reloadTo(withSocket('0666'));
    assert.equal(statSync(socketPath).mode & 0o777, 0o666);
    assert.equal(await client.command('PING'), 'PONG');
    await reloadTo(main());
    assert.equal(existsSync(socketPath), false);
    assert.equal((await client.readToEnd()).length, 0);
  });

  test('comes by HUP too', async () => {
    await reloadTo(main());
    daemon.writeConfig(file(main({ timeout: '3s' }), `workers: ${WORKERS}\n`));
    daemon.signal('SIGHUP');
    const done = () =>
      logLines(daemon.stderr()).some(line => line.by === 'SIGHUP' && line.msg.startsWith('configuration'));
    await daemon.until(done, 'the reload');
  });

  test('is done for all who ask at the same time', async () => {
    await reloadTo(main());
    const answers = await Promise.all(Array.from({ length: 10 }, () => postAdmin(adminPort, '/-/reload')));
    assert.deepEqual(
      answers.map(answer => answer.status),
      Array.from({ length: 10 }, () => 200),
    );
  });
});

describe('a reload that is refused changes nothing', () => {
  test('a bad file: the caller and the log hear why', async () => {
    await reloadTo(main());
    const client = await RawClient.connect(port);
    const answer = await tryReload(file(main({ hash: 'nope' }) + pool('more', { listen: `127.0.0.1:${otherPort}` })));
    assert.equal(answer.status, 400);
    const { result, problems } = answer.json<Reloaded>();
    assert.deepEqual(
      [result, problems!.map(problem => [problem.line, problem.path])],
      ['refused', [[4, 'pools.main.hash']]],
    );
    const isLogged = () => {
      const line = logLines(daemon.stderr()).findLast(each => each.msg.startsWith('not reloaded'));
      return /pools\.main\.hash: unknown hash "nope"/.test(String(line?.reason));
    };
    await daemon.until(isLogged, 'the reason in the log');
    assert.equal(await client.command('PING'), 'PONG');
    assert.ok(await isRefused(otherPort));
    client.destroy();
  });

  test('a bad file, by the command line: the same', async () => {
    await reloadTo(main());
    daemon.writeConfig(file(main({ distribution: 'nope' })));
    const { code, stdout } = await runRingmaster(['reload', '-c', daemon.configFile]);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^not reloaded: the configuration cannot be used\n {2}\S+:4:\d+: pools\.main\.distribution: unknown/,
    );
    const isLogged = () => /not reloaded/.test(daemon.stderr()) && /pools\.main\.distribution/.test(daemon.stderr());
    await daemon.until(isLogged, 'the reason in the log');
  });

  test('an empty file', async () => {
    await reloadTo(main());
    const answer = await tryReload('');
    assert.equal(answer.status, 400);
    for (const client of await clients(port, 4)) client.destroy();
  });

  test('a port that is in use: what was bound for other pools is given back', async t => {
    await reloadTo(main());
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port: takenPort } = taken.address() as AddressInfo;
    const text = file(
      main({ servers: servers(redisB) }) +
        pool('fine', { listen: `127.0.0.1:${otherPort}` }) +
        pool('taken', { listen: `127.0.0.1:${takenPort}` }),
    );
    const answer = await tryReload(text);
    assert.equal(answer.status, 409);
    assert.equal(
      answer.json<Reloaded>().error,
      `pool taken: cannot listen on 127.0.0.1:${takenPort}: the address is in use`,
    );
    assert.ok(await isRefused(otherPort));
    const client = await RawClient.connect(port);
    assert.deepEqual(await client.command('GET', 'who'), Buffer.from('A'));
    client.destroy();
  });

  test('a worker that hangs: the answer names its process', async () => {
    await reloadTo(main());
    const [stuck] = daemon.workerPids();
    process.kill(stuck!, 'SIGSTOP');
    const answer = await postAdmin(adminPort, '/-/reload');
    process.kill(stuck!, 'SIGCONT');
    assert.equal(answer.status, 409);
    assert.match(answer.json<Reloaded>().error!, new RegExp(`process ${stuck}\\) does not answer`));
    await reloadTo(main({ timeout: '2s' }));
  });
});

describe('the admin server', () => {
  test('shows the configuration in force', async () => {
    await reloadTo(main({ timeout: '1234ms' }));
    const { pools } = (await askAdmin(adminPort, '/config')).json<{ pools: { name: string; timeoutMs: number }[] }>();
    assert.deepEqual(
      pools.map(({ name, timeoutMs }) => [name, timeoutMs]),
      [['main', 1234]],
    );
  });

  test('reloads by POST only', async () => {
    assert.equal((await askAdmin(adminPort, '/-/reload')).status, 405);
    assert.equal((await askAdmin(adminPort, '/-/restart-workers')).status, 405);
  });
});
