// npm run demo [-- --once]
// Two redis-servers and two memcacheds on loopback, Ringmaster in front of them, and a look at what goes where.
//
//   redis-cli ─▶ :22121 ┐              ┌▶ redis     :6379, :6380
//                       ├ Ringmaster ──┤
//   nc        ─▶ :22122 ┘  │           └▶ memcached :11211, :11212
//   curl ────▶ :22223 ─────┘
//
// It stays until Ctrl-C, which ends all that it started. With --once it ends by itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, temporaryDirectory } from '../test/support/child.ts';
import { freePorts } from '../test/support/free-port.ts';
import { type MemcachedServer, startMemcached } from '../test/support/memcached-server.ts';
import { RawClient } from '../test/support/raw-client.ts';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import type { RespValue } from '../test/support/resp-reader.ts';
import { ensureServersOrExit } from './ensure-servers.ts';

const root = path.join(import.meta.dirname, '..');
const CONFIG_FILE = path.join(root, 'conf', 'ringmaster.yml');

/** Ports of conf/ringmaster.yml, by what listens there. */
const DEFAULT_PORTS = {
  redisA: 6379,
  redisB: 6380,
  memcachedA: 11211,
  memcachedB: 11212,
  redisPool: 22121,
  memcachedPool: 22122,
  admin: 22223,
};
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Ports = Record<keyof typeof DEFAULT_PORTS, number>;

const isOnce = process.argv.includes('--once');

interface Running {
  readonly ports: Ports;
  readonly redis: readonly RedisServer[];
  readonly memcached: readonly MemcachedServer[];
  readonly ringmaster: Child;
}

let isInterrupted = false;
const interrupted = new Promise<void>(resolve => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The second one does not wait: leaving kills the children.
      if (isInterrupted) process.exit(130);
      isInterrupted = true;
      resolve();
    });
  }
});

ensureServersOrExit(['redis', 'memcached']);
const running = await Promise.race([start().catch(fail), interrupted]);
if (!running) process.exit(130);
await show(running).catch(fail);
if (!isOnce) {
  print('', 'Ctrl-C ends everything.');
  await stay(running);
}
await stop(running);
process.exit(0);

async function start(): Promise<Running> {
  const ports = await choosePorts();
  const [a, b, c, d] = await Promise.all([
    startRedis({ port: ports.redisA }),
    startRedis({ port: ports.redisB }),
    startMemcached({ port: ports.memcachedA }),
    startMemcached({ port: ports.memcachedB }),
  ]);
  print(`redis-server   127.0.0.1:${a.port} (pid ${a.pid}), 127.0.0.1:${b.port} (pid ${b.pid})`);
  print(`memcached      127.0.0.1:${c.port} (pid ${c.pid}), 127.0.0.1:${d.port} (pid ${d.pid})`);

  const directory = temporaryDirectory('demo');
  const configFile = writeConfig(ports, directory);
  const main = path.join(root, 'src', 'main.ts');
  const ringmaster = new Child(process.execPath, [main, '-c', configFile, '-p', path.join(directory, 'pid')]);
  await ringmaster.until(() => isReady(ports.admin), `/readyz on port ${ports.admin}`, 30_000, 50);
  print(`ringmaster     pid ${ringmaster.pid}, -c ${path.relative(process.cwd(), configFile)}`);
  return { ports, redis: [a, b], memcached: [c, d], ringmaster };
}

/** The default ports, with free ones in place of those that somebody else has. */
async function choosePorts(): Promise<Ports> {
  const ports: Ports = { ...DEFAULT_PORTS };
  const spare = await freePorts(Object.keys(ports).length);
  for (const [name, port] of Object.entries(ports) as [keyof Ports, number][]) {
    if (await isFree(port)) continue;
    ports[name] = spare.pop()!;
    print(`Port ${port} is in use by another program; taking ${ports[name]} in its place.`);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** conf/ringmaster.yml, or a copy of it with the ports that had to change. */
function writeConfig(ports: Ports, directory: string): string {
  const changed = new Map<number, number>();
  for (const [name, port] of Object.entries(DEFAULT_PORTS)) {
    if (ports[name as keyof Ports] !== port) changed.set(port, ports[name as keyof Ports]);
  }
  if (changed.size === 0) return CONFIG_FILE;
  const file = path.join(directory, 'ringmaster.yml');
  const text = readFileSync(CONFIG_FILE, 'utf8').replace(/(?<=127\.0\.0\.1:)\d+/g, port =>
    String(changed.get(Number(port)) ?? port),
  );
  writeFileSync(file, text);
  return file;
}

async function isReady(admin: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${admin}/readyz`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

async function show({ ports, redis, memcached }: Running): Promise<void> {
  const keys = ['alice', 'bob', 'carol', 'dave'];

  print('', `Redis, through port ${ports.redisPool}:`);
  const client = await RawClient.connect(ports.redisPool);
  for (const key of keys) {
    const reply = await client.command('SET', key, `value of ${key}`);
    print(`  SET ${key} "value of ${key}"  →  ${text(reply)}   on ${await redisHolders(redis, key)}`);
  }
  print(`  GET alice  →  ${text(await client.command('GET', 'alice'))}`);
  print(`  MGET ${keys.join(' ')}  →  ${text(await client.command('MGET', ...keys))}`);
  client.destroy();

  print('', `memcached, through port ${ports.memcachedPool}:`);
  const plain = await RawClient.connect(ports.memcachedPool);
  for (const key of keys) {
    const value = `value of ${key}`;
    plain.send(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
    const reply = (await plain.readLine()).toString().trim();
    print(`  set ${key} "${value}"  →  ${reply}   on ${await memcachedHolders(memcached, key)}`);
  }
  plain.send(`get ${keys.join(' ')}\r\n`);
  const values = (await plain.readUntil('END\r\n')).toString().trim().replaceAll('\r\n', ' | ');
  print(`  get ${keys.join(' ')}  →  ${values}`);
  plain.destroy();

  print('', `A few lines of http://127.0.0.1:${ports.admin}/metrics:`);
  for (const line of await requestMetrics(ports.admin)) print(`  ${line}`);

  print('', 'Talk to it:');
  print(`  redis-cli -p ${ports.redisPool} set hello world`);
  print(`  redis-cli -p ${ports.redisPool} mget alice bob hello`);
  print(`  printf 'get alice bob\\r\\nquit\\r\\n' | nc 127.0.0.1 ${ports.memcachedPool}`);
  print(`  curl http://127.0.0.1:${ports.admin}/metrics`);
}

async function redisHolders(servers: readonly RedisServer[], key: string): Promise<string> {
  const answers = await Promise.all(servers.map(server => server.command('EXISTS', key)));
  return holders(servers.filter((_, i) => answers[i] === 1));
}

async function memcachedHolders(servers: readonly MemcachedServer[], key: string): Promise<string> {
  const answers = await Promise.all(servers.map(server => server.ask(`get ${key}\r\n`, 'END\r\n')));
  return holders(servers.filter((_, i) => answers[i]!.includes('VALUE ')));
}

function holders(servers: readonly { readonly port: number }[]): string {
  return servers.map(server => `127.0.0.1:${server.port}`).join(' and ') || 'no server!';
}

/** The request counters of pools and servers; they arrive from the workers about once a second. */
async function requestMetrics(admin: number): Promise<string[]> {
  const isCounter = (line: string) => /^ringmaster_\w*requests_total\{.*\} [1-9]/.test(line);
  for (let attempt = 0; attempt < 30; attempt++) {
    const lines = (await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()).split('\n').filter(isCounter);
    if (lines.length > 0) return lines.slice(0, 8);
    await delay(100);
  }
  return ['(no request was counted yet)'];
}

/** Returns at Ctrl-C; ends the program when Ringmaster ends before. */
async function stay({ ringmaster }: Running): Promise<void> {
  await Promise.race([interrupted, ringmaster.exit(LONGEST_TIMER_MS)]);
  if (ringmaster.exited === null) return;
  console.error(`Ringmaster has ended.\n${ringmaster.diagnosis()}`);
  process.exit(1);
}

async function stop({ redis, memcached, ringmaster }: Running): Promise<void> {
  const exit = await ringmaster.stop();
  await Promise.all([...redis, ...memcached].map(server => server.stop()));
  print('', `Ringmaster ended with ${exit.signal ?? `code ${exit.code}`}, the servers are stopped.`);
  if (exit.code === 0) return;
  console.error(ringmaster.diagnosis());
  process.exit(1);
}

function text(reply: RespValue): string {
  if (Array.isArray(reply)) return `[${reply.map(text).join(', ')}]`;
  if (Buffer.isBuffer(reply)) return JSON.stringify(reply.toString());
  if (reply === null) return '(nil)';
  return typeof reply === 'object' ? `error: ${reply.text}` : String(reply);
}

function fail(error: Error): never {
  console.error(`The demo failed: ${error.message}`);
  process.exit(1);
}

function print(...lines: string[]): void {
  for (const line of lines) console.log(line);
}
