// The slow log over several workers: from Redis clients, over HTTP and by the command line.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';
import { clientInEach } from '../support/worker-clients.ts';

type Daemon = Awaited<ReturnType<typeof startDaemon>>;
type Entry = Readonly<Record<string, unknown>>;

async function slowlog(daemon: Daemon, query = ''): Promise<Entry[]> {
  const { status, body } = await daemon.page(`/api/v1/slowlog?count=1000${query}`);
  assert.equal(status, 200, body);
  return JSON.parse(body).entries;
}

/** The entries, once there are so many. A worker that does not answer in time is left out of an answer. */
function untilEntries(daemon: Daemon, count: number): Promise<Entry[]> {
  const entries = async () => {
    const found = await slowlog(daemon);
    return found.length === count && found;
  };
  return waitFor(entries, { what: `${count} entries` });
}

/** A reply with its strings as text. */
function texts(reply: unknown): unknown {
  return Array.isArray(reply) ? reply.map(texts) : Buffer.isBuffer(reply) ? reply.toString() : reply;
}

/** A pool in which every request is slow. */
async function startSlow(t: Parameters<typeof startDaemon>[0], settings: string[] = [], workers = 2) {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const ports = servers.map(({ port }) => port);
  const pool = { protocol: 'redis' as const, servers: ports, settings: ['slowlog_threshold: 0ms', ...settings] };
  return startDaemon(t, { p: pool, other: { ...pool, settings: ['slowlog_threshold: off'] } }, { workers });
}

describe('SLOWLOG', () => {
  test("has the pool's slow requests of all workers, in Redis's shape, and empties them for all", async t => {
    const daemon = await startSlow(t);
    const connect = () => daemon.client('p');
    const clients = [...(await clientInEach(2, connect)), ...(await Promise.all(Array.from({ length: 10 }, connect)))];
    for (const [i, client] of clients.entries()) {
      await client.command('client', 'setname', `app-${i}`);
      await client.command('set', `key:${i}`, 'x');
    }
    const other = await daemon.client('other');
    await other.command('set', 'elsewhere', 'x');
    const workers = async () => new Set((await slowlog(daemon)).map(({ worker }) => worker)).size;
    const sets = async () => (await slowlog(daemon)).filter(({ command }) => command === 'set').length;
    await waitFor(async () => (await sets()) === 12, { what: 'all twelve in the slow log' });
    await untilEqual(workers, 2, 'workers in the slow log');

    const [asker] = clients;
    type Line = [number, number, number, string[], string, string];
    let all: Line[] = [];
    const keys = async () => {
      all = texts(await asker!.command('slowlog', 'get', -1)) as Line[];
      return new Set(all.filter(entry => entry[3][0] === 'set').map(entry => entry[3][1]));
    };
    // The worker has to hear of the others.
    await untilEqual(keys, new Set(clients.map((_, i) => `key:${i}`)), 'the keys of all workers');
    const [id, atS, us, words, address, name] = all.find(entry => entry[3][1] === 'key:3')!;
    assert.ok(id >= 0 && Math.abs(atS - Date.now() / 1000) < 60 && us > 0);
    assert.deepEqual([words, name], [['set', 'key:3'], 'app-3']);
    assert.match(address, /^127\.0\.0\.1:\d+$/);
    assert.equal(((await asker!.command('slowlog', 'get')) as unknown[]).length, 10);
    assert.equal(await other.command('slowlog', 'len'), 0);

    assert.equal(String(await asker!.command('slowlog', 'reset')), 'OK');
    const isEmptyFor = async (client: (typeof clients)[number]) => Number(await client.command('slowlog', 'len')) < 24;
    for (const client of clients) await waitFor(() => isEmptyFor(client), { what: 'an empty slow log' });
  });

  test('refuses what Redis refuses, in its words', async t => {
    const server = await startRedis();
    t.after(() => server.kill());
    const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [server.port] } });
    const [ours, theirs] = await Promise.all([daemon.client('p'), server.client()]);
    for (const request of [
      'SLOWLOG GET -2',
      'SLOWLOG GET many',
      'SLOWLOG RESET now',
      'SLOWLOG LEN 1',
      'SLOWLOG GET 0',
      'SLOWLOG LEN',
      'SLOWLOG RESET',
    ]) {
      for (const client of [ours, theirs]) client.send(`${request}\r\n`);
      assert.deepEqual(await ours.readReply(), await theirs.readReply(), request);
    }
  });
});

test('a split request is told with its slowest server, its sizes and its times', async t => {
  const daemon = await startSlow(t, ['hash: murmur'], 1);
  const client = await daemon.client('p');
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  await client.command('mset', ...keys.flatMap(key => [key, 'x'.repeat(50)]));
  const [entry] = await untilEntries(daemon, 1);
  assert.equal(entry!.command, 'mset');
  assert.equal(entry!.key, 'k0');
  assert.ok((entry!.requestBytes as number) > 30 * 50);
  assert.match(String(entry!.server), /^server-[01]$/);
  const { queueUs, serverUs, totalUs } = entry as Record<string, number>;
  assert.ok(serverUs! > 0 && totalUs! >= queueUs! + serverUs!, JSON.stringify(entry));
});

test('what a server never answered is there too: it took as long as it was waited for', async t => {
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [1], settings: ['slowlog_threshold: 0ms'] } });
  const client = await daemon.client('p');
  client.send('*2\r\n$3\r\nGET\r\n$1\r\na\r\n');
  await client.readReply();
  const [entry] = await untilEntries(daemon, 1);
  assert.deepEqual([entry!.command, entry!.key, entry!.server], ['get', 'a', 'server-0']);
});

test('memcached pools have one, and slowlog_length bounds it; keys may be left out', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const settings = ['slowlog_threshold: 0ms', 'slowlog_length: 3', 'slowlog_hide_keys: true'];
  const daemon = await startDaemon(t, { p: { protocol: 'memcached', servers: [server.port], settings } });
  const client = await daemon.client('p');
  for (let i = 0; i < 5; i++) {
    client.send(`get k${i}\r\n`);
    await client.readLine();
    await waitFor(async () => (await daemon.metric('ringmaster_pool_slow_requests_total')) === i + 1, {
      what: 'one more',
    });
    await untilEntries(daemon, Math.min(3, i + 1));
  }
  const entries = await untilEntries(daemon, 3);
  assert.deepEqual(
    entries.map(({ command, key }) => [command, key]),
    Array(3).fill(['get', null]),
  );
});

test('its settings apply at once, to clients that are connected', async t => {
  const daemon = await startSlow(t, [], 2);
  const client = await daemon.client('p');
  const set = async (setting: string, value: string) => {
    const { code, stderr } = await runRingmaster(['set', setting, value, '--admin', `127.0.0.1:${daemon.adminPort}`]);
    assert.deepEqual([code, stderr], [0, '']);
  };
  const keys = async () => (await slowlog(daemon, '&pool=p')).map(({ key }) => key);
  for (const key of ['a', 'b', 'c']) await client.command('get', key);
  await untilEqual(keys, ['c', 'b', 'a'], 'three entries');
  await set('p.slowlog_length', '2');
  await untilEqual(keys, ['c', 'b'], 'the newest two');
  await set('p.slowlog_hide_keys', 'true');
  await client.command('get', 'd');
  await untilEqual(keys, [null, 'c'], 'one without a key');
  await set('p.slowlog_threshold', 'off');
  await client.command('get', 'e');
  await set('p.slowlog_threshold', '0ms');
  await set('p.slowlog_hide_keys', 'false');
  await client.command('get', 'f');
  await untilEqual(keys, ['f', null], 'nothing of what came while it was off');
});

test('it outlives the worker, and its successor knows it', async t => {
  const daemon = await startSlow(t, [], 1);
  const client = await daemon.client('p');
  await client.command('set', 'a', 'x');
  await untilEntries(daemon, 1);
  const [pid] = daemon.ringmaster.workerPids();
  process.kill(pid!, 'SIGKILL');
  const isReplaced = () => daemon.ringmaster.workerPids().length === 1 && daemon.ringmaster.workerPids()[0] !== pid;
  await daemon.ringmaster.until(isReplaced, 'another worker');
  const next = await daemon.client('p');
  await waitFor(async () => Number(await next.command('slowlog', 'len')) >= 1, { what: 'the old entry' });
  const entries = texts(await next.command('slowlog', 'get', -1)) as [number, number, number, string[]][];
  assert.ok(entries.some(entry => entry[3].join(' ') === 'set a'));
});

test('the command line shows it as a table or as JSON, and says what is wrong', async t => {
  const daemon = await startSlow(t, [], 1);
  const client = await daemon.client('p');
  await client.command('set', 'the-key', 'x');
  const run = (...args: string[]) => runRingmaster(['slowlog', '--admin', `127.0.0.1:${daemon.adminPort}`, ...args]);
  const isInTable = async () => {
    const table = await run('--pool', 'p');
    assert.equal(table.code, 0);
    return /^when +pool +total[^\n]*\n\S+ +p +[^\n]* set +the-key /.test(table.stdout);
  };
  await waitFor(isInTable, { what: 'the entry in the table' });
  const keyInJson = async () => JSON.parse((await run('--json', '-n', '5')).stdout).entries[0]?.key;
  await untilEqual(keyInJson, 'the-key', 'the entry in JSON');
  const wrong = await run('--pool', 'x');
  assert.deepEqual([wrong.code, wrong.stderr], [1, 'ringmaster: there is no pool x\n']);
});
