// What somebody does who switches: the file and the flags of nutcracker's init script, first for nutcracker, then for
// Ringmaster, then for nutcracker again. Every key, every statistic and the script's own steps must be as they were.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Exit, isAlive, killAtExit, run, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { readJson } from '../support/nutcracker.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = 400;
const PASSWORD = '0123';
const NUTCRACKER = existsSync('/usr/sbin/nutcracker') ? '/usr/sbin/nutcracker' : 'nutcracker';

type Start = (args: readonly string[]) => Promise<Exit & { stdout: string; stderr: string }>;
const nutcracker: Start = args => run(NUTCRACKER, args);
const ringmaster: Start = args => runRingmaster(args);

/** Client ends of the pools. */
interface Pools {
  readonly sessions: number;
  readonly feeds: number;
  readonly tokens: number;
  readonly pages: number;
  readonly objects: string;
}

interface ServerPorts {
  readonly redis: readonly number[];
  readonly locked: number;
  readonly memcached: readonly number[];
}

function productionFile(pools: Pools, { redis, locked, memcached }: ServerPorts): string {
  return `# cache tier, one proxy per web host
sessions:
  listen: 127.0.0.1:${pools.sessions}
  hash: fnv1a_64
  hash_tag: "{}"
  distribution: ketama
  auto_eject_hosts: true
  server_retry_timeout: 30000
  server_failure_limit: 3
  timeout: 4000
  preconnect: true
  redis: true
  servers:
   - 127.0.0.1:${redis[0]}:1 session-a
   - 127.0.0.1:${redis[1]}:2 session-b
   - 127.0.0.1:${redis[2]}:1 session-c

feeds:
  listen: 127.0.0.1:${pools.feeds}
  hash: murmur
  distribution: modula
  backlog: 1024
  tcpkeepalive: true
  server_connections: 2
  client_connections: 2000
  timeout: 5000
  redis: true
  redis_db: 3
  servers:
   - 127.0.0.1:${redis[0]}:3
   - 127.0.0.1:${redis[1]}:1
   - 127.0.0.1:${redis[2]}:2

tokens:
  listen: 127.0.0.1:${pools.tokens}
  redis: true
  redis_auth: ${PASSWORD}
  auto_eject_hosts: false
  servers:
   - 127.0.0.1:${locked}:1

pages:
  listen: 127.0.0.1:${pools.pages}
  hash: one_at_a_time
  distribution: ketama
  auto_eject_hosts: true
  server_failure_limit: 2
  timeout: 2500
  servers:
   - 127.0.0.1:${memcached[0]}:10 page1
   - 127.0.0.1:${memcached[1]}:5 page2

objects:
  listen: ${pools.objects} 0666
  hash: md5
  hash_tag: "::"
  preconnect: true
  servers:
   - 127.0.0.1:${memcached[0]}:1
   - 127.0.0.1:${memcached[1]}:1
`;
}

test('same file, same flags: every key, every statistic, and back again', { timeout: 120_000 }, async t => {
  const redis = [await startRedis(), await startRedis(), await startRedis()];
  const locked = await startRedis({ requirepass: PASSWORD });
  const memcached = [await startMemcached(), await startMemcached()];
  for (const server of [...redis, locked, ...memcached]) t.after(() => server.kill());
  const dir = temporaryDirectory('drop-in');
  const [statsPort, sessions, feeds, tokens, pages] = (await freePorts(5)) as [number, number, number, number, number];
  const pools: Pools = { sessions, feeds, tokens, pages, objects: path.join(dir, 'objects.sock') };
  const configFile = path.join(dir, 'nutcracker.yml');
  const pidFile = path.join(dir, 'nutcracker.pid');
  const logFile = path.join(dir, 'nutcracker.log');
  const ports = { redis: redis.map(server => server.port), locked: locked.port, memcached: memcached.map(m => m.port) };
  writeFileSync(configFile, productionFile(pools, ports));
  const flags = ['-d', '-c', configFile, '-p', pidFile, '-o', logFile, '-s', String(statsPort)];
  flags.push('-a', '127.0.0.1', '-v', '6', '-i', '1000', '-m', '16384');

  /** As the init script: check the file, then start; returns the daemon's pid once it serves. */
  async function start(program: Start): Promise<number> {
    const check = await program(['-t', ...flags]);
    assert.equal(check.code, 0, check.stderr);
    await assert.rejects(readJson(statsPort), 'a check starts nothing');
    const started = await program(flags);
    assert.equal(started.code, 0, started.stderr);
    // nutcracker's command returns before its daemon listens.
    await waitFor(() => isServing(pools), { what: 'all pools listening' });
    const pid = Number(readFileSync(pidFile, 'utf8'));
    killAtExit(pid);
    assert.ok(isAlive(pid));
    return pid;
  }
  async function stop(pid: number, signal: NodeJS.Signals): Promise<void> {
    process.kill(pid, signal);
    await waitFor(() => !isAlive(pid), { what: `the end of ${pid}` });
  }

  const theirs = await start(nutcracker);
  await fill(pools, 'first');
  await assertFilled(pools, 'first');
  const theirNames = names(await readJson(statsPort));
  await stop(theirs, 'SIGINT');
  // nutcracker leaves its unix socket behind.
  assert.equal(existsSync(pools.objects), true);
  const theirLogBytes = statSync(logFile).size;

  const ours = await start(ringmaster);
  await assertFilled(pools, 'first');
  await fill(pools, 'second');
  assert.deepEqual(names(await readJson(statsPort)), theirNames);
  assert.equal(statSync(pools.objects).mode & 0o777, 0o666);
  assert.ok(statSync(logFile).size > theirLogBytes, 'the log was appended to');
  // logrotate
  renameSync(logFile, `${logFile}.1`);
  process.kill(ours, 'SIGHUP');
  await waitFor(() => existsSync(logFile), { what: 'a new log file' });
  await assertFilled(pools, 'second');
  await stop(ours, 'SIGTERM');
  assert.equal(existsSync(pidFile), false, 'the pid file is gone');
  assert.equal(existsSync(pools.objects), false, 'the socket is gone');

  const again = await start(nutcracker);
  await assertFilled(pools, 'first');
  await assertFilled(pools, 'second');
  await stop(again, 'SIGINT');
});

async function isServing(pools: Pools): Promise<boolean> {
  const clients = await Promise.allSettled(Object.values(pools).map(target => RawClient.connect(target)));
  for (const client of clients) if (client.status === 'fulfilled') client.value.destroy();
  return clients.every(client => client.status === 'fulfilled');
}

/** Names of all statistics, in order, pools and servers before them. */
function names(stats: object, prefix = ''): string[] {
  return Object.entries(stats).flatMap(([name, value]) =>
    typeof value === 'object' ? names(value, `${prefix}${name}.`) : [prefix + name],
  );
}

const keyOf = (run: string, i: number) =>
  [`${run}:${i}`, `user:{${run}${i}}:profile`, `a:${run}${i}:b`, `${run}/päge/${i}`][i % 4]!;

async function redisClients(pools: Pools): Promise<RawClient[]> {
  const clients = await Promise.all([pools.sessions, pools.feeds, pools.tokens].map(port => RawClient.connect(port)));
  assert.equal(await clients[2]!.command('AUTH', PASSWORD), 'OK');
  return clients;
}

function memcachedClients(pools: Pools): Promise<RawClient[]> {
  return Promise.all([RawClient.connect(pools.pages), RawClient.connect(pools.objects)]);
}

async function fill(pools: Pools, run: string): Promise<void> {
  for (const client of await redisClients(pools)) {
    for (let i = 0; i < KEYS; i++) assert.equal(await client.command('SET', keyOf(run, i), `${run} ${i}`), 'OK');
    client.destroy();
  }
  for (const client of await memcachedClients(pools)) {
    for (let i = 0; i < KEYS; i++) {
      const value = `${run} ${i}`;
      client.send(`set ${Buffer.from(keyOf(run, i)).toString('latin1')} 7 0 ${value.length}\r\n${value}\r\n`);
      assert.equal(String(await client.readLine()), 'STORED\r\n');
    }
    client.destroy();
  }
}

async function assertFilled(pools: Pools, run: string): Promise<void> {
  const all = Array.from({ length: KEYS }, (_, i) => i);
  for (const client of await redisClients(pools)) {
    const values = (await client.command('MGET', ...all.map(i => keyOf(run, i)))) as Buffer[];
    assert.deepEqual(
      values.map(String),
      all.map(i => `${run} ${i}`),
    );
    client.destroy();
  }
  for (const client of await memcachedClients(pools)) {
    for (const i of all) {
      const key = Buffer.from(keyOf(run, i)).toString('latin1');
      client.send(`get ${key}\r\n`);
      const value = `${run} ${i}`;
      const reply = (await client.readUntil('END\r\n')).toString('latin1');
      assert.equal(reply, `VALUE ${key} 7 ${value.length}\r\n${value}\r\nEND\r\n`);
    }
    client.destroy();
  }
}
