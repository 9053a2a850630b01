// The statistics ports of nutcracker and of a Ringmaster with two workers, after the same traffic.
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { startFakeBackend } from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startNutcracker } from '../support/nutcracker.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { assertInGuide } from '../support/switching-guide.ts';
import { waitFor } from '../support/wait-for.ts';

const SECTION = 'Statistics';
const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`);
/** Two workers have other connections than one process, and count what it does not. */
const OWN_FIGURES = new Set(['server_connections', 'server_ejected_at', 'fragments']);

type Counters = Record<string, number>;
type Side = 'theirs' | 'ours';

interface Proxies {
  readonly statsPorts: Readonly<Record<Side, number>>;
  /** Connects to the socket of a pool. */
  connect(side: Side, pool: string): Promise<RawClient>;
}

/** nutcracker and Ringmaster on the same pools; `servers` are the addresses of each. */
async function startProxies(
  t: TestContext,
  pools: Record<string, { isRedis: boolean; servers: string[]; more?: string }>,
) {
  const directory = temporaryDirectory('stats');
  const socketOf = (side: Side, pool: string) => path.join(directory, `${side}-${pool}.sock`);
  const textOf = (side: Side) =>
    Object.entries(pools)
      .map(([name, { isRedis, servers, more = '' }]) => {
        const lines = servers.map((server, i) => `    - ${server}:1 server${i}\n`).join('');
        return `${name}:\n  listen: ${socketOf(side, name)}\n  redis: ${isRedis}\n  hash: md5\n${more}  servers:\n${lines}`;
      })
      .join('');
  // Debian's nutcracker has its figures 30 s late.
  const nutcracker = await startNutcracker(textOf('theirs'), { statsIntervalMs: 10 });
  t.after(() => nutcracker.kill());
  const port = await freePort();
  const ringmaster = await startRingmaster({
    config: textOf('ours'),
    workers: 2,
    args: ['-a', '127.0.0.1', '-s', String(port)],
  });
  t.after(() => ringmaster.kill());
  const proxies: Proxies = {
    statsPorts: { theirs: nutcracker.statsPort, ours: port },
    connect: (side, pool) => RawClient.connect(socketOf(side, pool)),
  };
  return proxies;
}

test('after the same traffic the statistics say the same', { timeout: 120_000 }, async t => {
  const redis = [await startRedis(), await startRedis(), await startRedis()];
  const memcached = [await startMemcached(), await startMemcached()];
  for (const server of [...redis, ...memcached]) t.after(() => server.kill());
  const proxies = await startProxies(t, {
    redis: { isRedis: true, servers: redis.map(server => `127.0.0.1:${server.port}`) },
    memcached: { isRedis: false, servers: memcached.map(server => `127.0.0.1:${server.port}`) },
  });

  for (const side of ['theirs', 'ours'] as const) {
    // Several clients, so that both workers have some.
    for (let round = 0; round < 6; round++) {
      const client = await proxies.connect(side, 'redis');
      const commands = KEYS.flatMap((key, i) => [
        ['SET', key, 'v'.repeat(i * 7)],
        ['GET', key],
        ['MGET', ...KEYS.slice(i, i + 5)],
        ['LPUSH', key, 'a wrong type'],
        ['DEL', key, `${key}:missing`],
      ]);
      client.send(Buffer.concat(commands.map(words => encodeCommand(...words))));
      await client.readReplies(commands.length);
      const second = await proxies.connect(side, 'memcached');
      second.send(KEYS.map(key => `set ${key} 0 0 3\r\nabc\r\nget ${key}\r\ndelete ${key}\r\n`).join(''));
      for (let i = 0; i < KEYS.length; i++) await second.readUntil('DELETED\r\n');
      for (const each of [client, second]) {
        if (round % 2 === 0) each.end();
        else if (round < 5) each.destroy();
      }
    }
  }
  // One client of each pool is left.
  const [theirs, ours] = await settled(proxies, counters => counters['redis.client_connections'] === 1);
  assert.deepEqual(Object.keys(ours), Object.keys(theirs), 'the same names in the same order');
  assert.deepEqual(comparable(ours), comparable(theirs));
  assert.ok(sum(theirs, 'redis', 'requests') > 1500, 'there was traffic');
  assert.ok(sum(theirs, 'memcached', 'responses') > 1000, 'there was traffic');
  assert.ok(ours['redis.fragments']! > 0);
  assertInGuide(SECTION, '`fragments`');
  assertInGuide(SECTION, '`server_connections`');

  // Split MSET and memcached's get, and noreply: other bytes on the wire, and counted otherwise.
  const requests = KEYS.slice(0, 4).flatMap(key => [key, 'v']);
  for (const side of ['theirs', 'ours'] as const) {
    const client = await proxies.connect(side, 'redis');
    assert.equal(await client.command('MSET', ...requests), 'OK');
    const second = await proxies.connect(side, 'memcached');
    second.send('set a 0 0 1 noreply\r\nx\r\nget a\r\n');
    await second.readUntil('END\r\n');
  }
  const [theirsAfter, oursAfter] = await settled(proxies, counters => counters['redis.client_connections'] === 2);
  assert.equal(sum(oursAfter, 'redis', 'requests'), sum(theirsAfter, 'redis', 'requests'));
  const parts = sum(oursAfter, 'redis', 'requests') - sum(ours, 'redis', 'requests');
  assert.ok(parts > 1, 'it was split');
  const twice = (requests.length / 2 - 1) * '$1\r\nv\r\n'.length;
  assert.equal(sum(theirsAfter, 'redis', 'request_bytes') - sum(oursAfter, 'redis', 'request_bytes'), twice);
  assertInGuide(SECTION, '`request_bytes` of `MSET`');
  assert.equal(
    sum(theirsAfter, 'memcached', 'request_bytes') - sum(oursAfter, 'memcached', 'request_bytes'),
    ' noreply'.length,
  );
  assert.equal(sum(oursAfter, 'memcached', 'responses') - sum(theirsAfter, 'memcached', 'responses'), 1);
  assertInGuide(SECTION, '`responses`, `response_bytes` with `noreply`');
});

test('failed requests are counted in the same fields', { timeout: 120_000 }, async t => {
  const resetting = await startFakeBackend(({ socket }) => void socket.resetAndDestroy());
  const ending = await startFakeBackend(({ socket }) => void socket.end());
  const silent = await startFakeBackend(() => {});
  for (const backend of [resetting, ending, silent]) t.after(() => backend.close());
  const closed = await freePort();
  const proxies = await startProxies(t, {
    refusing: { isRedis: true, servers: [`127.0.0.1:${closed}`] },
    resetting: { isRedis: true, servers: [`127.0.0.1:${resetting.port}`] },
    ending: { isRedis: true, servers: [`127.0.0.1:${ending.port}`] },
    silent: { isRedis: true, servers: [`127.0.0.1:${silent.port}`], more: '  timeout: 100\n' },
  });
  for (const side of ['theirs', 'ours'] as const) {
    for (const pool of ['refusing', 'resetting', 'ending', 'silent']) {
      for (let i = 0; i < 3; i++) {
        const client = await proxies.connect(side, pool);
        client.send(encodeCommand('GET', 'k'));
        await client.readReply();
        client.destroy();
      }
    }
  }
  const [theirs, ours] = await settled(proxies, counters => counters['silent.client_connections'] === 0);
  for (const counters of [theirs, ours]) {
    // Requests to a server that is known to be down are not sent, and attempts to connect are not requests.
    delete counters['refusing.server0.requests'];
    delete counters['refusing.server0.request_bytes'];
    assert.ok(counters['refusing.server0.server_err']! > 0);
    delete counters['refusing.server0.server_err'];
  }
  assert.deepEqual(comparable(ours), comparable(theirs));
  assert.equal(ours['refusing.forward_error'], 3);
  assert.equal(ours['silent.server0.server_timedout'], 3);
  assertInGuide(SECTION, 'A server that is down');
});

/** Both sides' counters once they are as `isDone` says and two readings of nutcracker's agree. */
async function settled(proxies: Proxies, isDone: (counters: Counters) => boolean): Promise<[Counters, Counters]> {
  const both: Counters[] = [];
  for (const side of ['theirs', 'ours'] as const) {
    let last = '';
    both.push(
      await waitFor(
        async () => {
          const counters = await readCounters(proxies.statsPorts[side]);
          const text = JSON.stringify(counters);
          const isSettled = isDone(counters) && text === last;
          last = text;
          return isSettled && counters;
        },
        { what: `${side} to settle`, everyMs: 50 },
      ),
    );
  }
  return both as [Counters, Counters];
}

/** `pool.counter` and `pool.server.counter`, in the order of the line; what is above the pools is left out. */
async function readCounters(port: number): Promise<Counters> {
  const client = await RawClient.connect(port);
  const line = (await client.readToEnd()).toString();
  assert.ok(line.endsWith('}\n') && line.indexOf('\n') === line.length - 1, 'one line');
  const counters: Counters = {};
  const flatten = (prefix: string, values: object) => {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === 'object') flatten(`${prefix}${name}.`, value);
      else if (prefix !== '') counters[prefix + name] = value;
    }
  };
  flatten('', JSON.parse(line));
  return counters;
}

function comparable(counters: Counters): Counters {
  return Object.fromEntries(
    Object.entries(counters).filter(([name]) => !OWN_FIGURES.has(name.slice(name.lastIndexOf('.') + 1))),
  );
}

/** Of all servers of a pool. */
function sum(counters: Counters, pool: string, field: string): number {
  let total = 0;
  for (const [name, value] of Object.entries(counters)) {
    const [inPool, , inField] = name.split('.');
    if (inPool === pool && inField === field) total += value;
  }
  return total;
}
