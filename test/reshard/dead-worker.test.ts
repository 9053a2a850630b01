// What a worker leaves behind that is killed in the middle of bringing a key, at every step of it, or in hold.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MEMCACHED_MOVER } from '../../src/mover/memcached/memcached-mover.ts';
import type { ServerWatch } from '../../src/mover/protocol-mover.ts';
import { watchRedis } from '../../src/mover/redis/redis-watch.ts';
import { startMemcached } from '../support/memcached-server.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { ReshardPool } from '../support/reshard-pool.ts';
import { poolOf } from '../support/reshard-under-test.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`);

interface Between {
  readonly pool: ReshardPool;
  /** A key that is on the first server, and belongs on the third. */
  readonly key: string;
  readonly source: RedisServer;
  readonly target: RedisServer;
}

/** In `both`, without a mover. */
async function between(t: TestContext, stepTimeout: string): Promise<Between> {
  const settings = [`reshard_step_timeout: ${stepTimeout}`, 'reshard_patience: 25s', 'timeout: 10s'];
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, settings });
  const client = await pool.client();
  for (const key of KEYS) await client.command('SET', key, key);
  client.destroy();
  const [source, , target] = pool.servers as [RedisServer, RedisServer, RedisServer];
  const here = new Set(((await source.command('KEYS', '*')) as Buffer[]).map(String));
  await pool.reshard('start', { file: pool.config([0, 1, 2]), pace: '1kb/s' });
  await pool.until(({ phase }) => phase === 'both', 'both');
  await pool.reshard('pause');
  await pool.until(({ plan }) => plan?.moverPid === null, 'the end of the mover');
  const left = new Set(((await source.command('KEYS', '*')) as Buffer[]).map(String));
  const { moves } = movesOf(pool);
  const moving = KEYS.filter(key => here.has(key) && left.has(key) && moves(key));
  assert.ok(moving[0] !== undefined, 'the mover has left keys');
  return { pool, key: moving[0], source, target };
}

function movesOf(pool: ReshardPool): { moves(key: string): boolean } {
  const [from, to] = [pool.owners([0, 1]), pool.owners([0, 1, 2])];
  return { moves: key => from(key) !== to(key) };
}

/** Kills all workers; resolves when their successors serve. */
async function killWorkers(pool: ReshardPool): Promise<void> {
  const proxy = pool.proxies[0]!;
  const before = proxy.workerPids();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  const areNew = () => proxy.workerPids().length === 2 && proxy.workerPids().every(pid => !before.includes(pid));
  await waitFor(areNew, { what: 'other workers' });
}

/** It has asked for a key of a server that is stopped, or that waits for one that is. */
async function asking({ pool, key }: Between): Promise<RawClient> {
  const client = await pool.client();
  client.send(encodeCommand('GET', key));
  client.socket.on('error', () => {});
  return client;
}

/** The key has come, once, and is changed once, by who asks for it now; `goOn` is called once that is asked. */
async function assertComesOnce({ pool, key, source, target }: Between, goOn: () => void = () => {}): Promise<void> {
  const client = await pool.client();
  const appended = client.command('APPEND', key, '!');
  goOn();
  assert.equal(await appended, key.length + 1);
  assert.equal(String(await target.command('GET', key)), `${key}!`);
  assert.equal(await source.command('EXISTS', key), 0);
}

async function finish({ pool }: Between, without: readonly string[] = []): Promise<void> {
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.reshard('resume');
  await pool.untilOver();
  await pool.assertPlaced(
    KEYS.filter(key => !without.includes(key)),
    [0, 1, 2],
  );
}

test('killed before its old server has read that it is to give the key away', async t => {
  const situation = await between(t, '5s');
  const { pool, source } = situation;
  source.freeze();
  await asking(situation);
  await waitFor(async () => (await pool.waitingClients()) > 0, { what: 'a client that waits' });
  await killWorkers(pool);
  source.thaw();
  await assertComesOnce(situation);
  await finish(situation);
});

test('killed while its new server has not read the key yet: it comes, once, and is changed once', async t => {
  const situation = await between(t, '20s');
  const { pool, source, target } = situation;
  target.freeze();
  await asking(situation);
  await untilGiving(source);
  await killWorkers(pool);
  await assertComesOnce(situation, () => target.thaw());
  await finish(situation);
});

test('killed, and its old server waits no longer for the new one: what comes late brings nothing back', async t => {
  const situation = await between(t, '200ms');
  const { pool, key, source, target } = situation;
  target.freeze();
  await asking(situation);
  await waitFor(async () => String(await source.command('INFO', 'errorstats')).includes('errorstat_IOERR'), {
    what: 'a MIGRATE that has failed',
  });
  await killWorkers(pool);
  const client = await pool.client();
  const first = client.command('DEL', key);
  target.thaw();
  if ((await first) !== 1) {
    await waitFor(async () => (await client.command('DEL', key)) === 1, { what: 'the key is deleted' });
  }
  for (let i = 0; i < 20; i++) assert.equal(await client.command('EXISTS', key), 0);
  await finish(situation, [key]);
});

test('killed when both servers had the key: the new one’s is the one', async t => {
  const situation = await between(t, '5s');
  const { pool, key, target } = situation;
  await target.command('SET', key, key);
  await killWorkers(pool);
  await assertComesOnce(situation);
  await finish(situation);
});

/** Stands still for the one that is to take a key. */
async function untilGiving(source: RedisServer): Promise<void> {
  const client = await source.client();
  await waitFor(
    async () => {
      const answer = client.command('PING').then(() => true);
      return !(await Promise.race([answer, new Promise<boolean>(resolve => setTimeout(resolve, 300, false))]));
    },
    { what: 'a server that stands still' },
  );
  client.socket.on('error', () => {});
}

async function watched(protocol: 'redis' | 'memcached', port: number): Promise<ServerWatch> {
  const pool = poolOf({ servers: [`127.0.0.1:${port}:1 s0`] }, protocol);
  const placements = { from: pool, to: pool };
  return protocol === 'redis' ? watchRedis(placements, 20_000) : MEMCACHED_MOVER.watch(placements, 20_000);
}

test('hold is over when a server has read all that lay unread of who was killed', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const watch = await watched('redis', server.port);
  const dead = await server.client();
  // An answer that nobody takes would end the connection, and with it what is not read yet.
  dead.send(encodeCommand('CLIENT', 'REPLY', 'OFF'));
  await waitFor(async () => /\bcmd=client\|reply\b/.test(String(await server.command('CLIENT', 'LIST'))), {
    what: 'a client that wants no answers',
  });
  server.freeze();
  const sets = Array.from({ length: 12_000 }, (_, i) => encodeCommand('SET', `late:${i}`, 'v'.repeat(60)));
  dead.socket.write(Buffer.concat([...sets, encodeCommand('SET', 'last', 'v')]));
  await waitFor(() => dead.socket.writableLength === 0, { what: 'all is in the hands of the kernel' });
  dead.destroy();
  const read = watch.untilRead();
  server.thaw();
  await read;
  assert.equal(await server.command('EXISTS', 'last'), 1);
  watch.close();
});

test('memcached, too', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const watch = await watched('memcached', server.port);
  await watch.untilRead();
  watch.close();
});

test('a proxy one of whose workers has ended lately says that it holds when all that is read, and others at once', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  const pings = async () =>
    Number(/cmdstat_ping:calls=(\d+)/.exec(String(await pool.servers[0]!.command('INFO', 'commandstats')))?.[1] ?? 0);
  await pool.reshard('start', { file: pool.config([0, 1, 2]) });
  await pool.untilOver();
  const usual = await pings();
  assert.ok(usual < 60, `${usual} questions`);
  const [pid] = pool.proxies[0]!.workerPids();
  process.kill(pid as number, 'SIGKILL');
  await waitFor(
    () => pool.proxies[0]!.workerPids().length === 2 && !pool.proxies[0]!.workerPids().includes(pid as number),
    {
      what: 'another worker',
    },
  );
  await pool.reshard('start', { file: pool.config([0, 1]) });
  await pool.untilOver();
  const more = (await pings()) - usual;
  assert.ok(more > 60, `${more} questions`);
});
