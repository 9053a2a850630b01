// What a tenant that floods costs its neighbour: latency of a neighbour that asks little, alone and beside floods of several kinds, on one
// worker; as one tenant (no users), as two users, and with limits for the one that floods.
//
//   npm run bench:neighbours
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../../test/support/pool-daemon.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { encodeCommand } from '../../test/support/resp-reader.ts';
import type { FloodJob } from './flood-job.ts';

const SECONDS = 3;
const NEIGHBOUR_CONNECTIONS = 5;
/** Each of them asks so often, whether it was answered or not in time, one at a time. */
const EVERY_MS = 4;
const KEY_BYTES = 100;
const LARGE_BYTES = 100_000;

const get = encodeCommand('GET', 'small');
const replyTo = (bytes: number) => `$${bytes}\r\n`.length + bytes + 2;
const wide = encodeCommand('MGET', ...Array.from({ length: 100 }, () => 'small'));

type Kind = Omit<FloodJob, 'port' | 'user'>;
const latin1 = (...parts: readonly Buffer[]) => Buffer.concat(parts).toString('latin1');
const FLOODS: Readonly<Record<string, Kind>> = {
  'pipelines of 64, 50 connections': {
    connections: 50,
    request: latin1(...Array.from({ length: 64 }, () => get)),
    replies: 64,
    replyBytes: replyTo(KEY_BYTES),
  },
  '500 connections': { connections: 500, request: latin1(get), replies: 1, replyBytes: replyTo(KEY_BYTES) },
  'values of 100 kB, 20 connections': {
    connections: 20,
    request: latin1(encodeCommand('GET', 'large')),
    replies: 1,
    replyBytes: replyTo(LARGE_BYTES),
  },
  'gets of 100 keys, 50 connections': {
    connections: 50,
    request: latin1(wide),
    replies: 1,
    replyBytes: '*100\r\n'.length + 100 * replyTo(KEY_BYTES),
  },
};

const LIMITS = 'limits: { requests: 2000/s, bytes_out: 20mb/s, burst: 10ms, pending: 8 }';
const user = (name: string, more = '') => `  ${name}: { pools: [pool], passwords: [secret]${more} }`;
const MODES: Readonly<Record<string, readonly string[]>> = {
  'one tenant': [],
  'two users': ['users:', user('flood'), user('neighbour')],
  'two users, limits': ['users:', user('flood', `, ${LIMITS}`), user('neighbour')],
};

const ends: (() => unknown)[] = [];
const scope = { after: (end: () => unknown) => void ends.push(end) };
try {
  await main();
} finally {
  for (const end of ends.reverse()) await end();
}

async function main(): Promise<void> {
  const server = await startRedis();
  scope.after(() => server.kill());
  await server.command('SET', 'small', 'x'.repeat(KEY_BYTES));
  await server.command('SET', 'large', 'x'.repeat(LARGE_BYTES));
  const pool = { protocol: 'redis', servers: [server.port], settings: ['timeout: 30s'] } as const;
  process.stdout.write('| tenants | beside | p50 ms | p99 ms | p99 against alone |\n|---|---|---|---|---|\n');
  for (const [mode, settings] of Object.entries(MODES)) {
    const daemon = await startDaemon(scope as never, { pool }, { workers: 1, settings });
    const isSignedIn = settings.length > 0;
    const port = daemon.port('pool');
    const before = await neighbour(port, isSignedIn);
    row(mode, 'nobody', before, before);
    for (const [name, kind] of Object.entries(FLOODS)) {
      const flood = await startFlood({ ...kind, port, user: isSignedIn ? 'flood' : null });
      row(mode, name, await neighbour(port, isSignedIn), before);
      flood.kill('SIGKILL');
      await once(flood, 'exit');
    }
    await daemon.ringmaster.stop();
  }
}

async function startFlood(job: FloodJob): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./flood.ts', import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

/** Latencies in ms, ascending. */
async function neighbour(port: number, isSignedIn: boolean): Promise<number[]> {
  const latencies: number[] = [];
  const untilMs = performance.now() + SECONDS * 1000;
  const ask = async (_: unknown, i: number) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    if (isSignedIn) await exchange(socket, Buffer.from('AUTH neighbour secret\r\n'), '+OK\r\n'.length);
    let nextMs = performance.now() + (EVERY_MS * i) / NEIGHBOUR_CONNECTIONS;
    while (nextMs < untilMs) {
      const restMs = nextMs - performance.now();
      if (restMs > 0) await new Promise(resolve => setTimeout(resolve, restMs));
      const startedMs = performance.now();
      await exchange(socket, get, replyTo(KEY_BYTES));
      latencies.push(performance.now() - startedMs);
      nextMs = Math.max(nextMs + EVERY_MS, startedMs);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: NEIGHBOUR_CONNECTIONS }, ask));
  return latencies.sort((a, b) => a - b);
}

function exchange(socket: Socket, request: Buffer, replyBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = replyBytes;
    const onData = (chunk: Buffer) => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      if (left === 0) resolve();
      else reject(new Error(`unexpected reply: ${chunk.toString('latin1', 0, 100)}`));
    };
    socket.on('data', onData);
    socket.write(request);
  });
}

function row(mode: string, beside: string, latencies: readonly number[], alone: readonly number[]): void {
  const at = (sorted: readonly number[], part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  const [p50, p99] = [at(latencies, 0.5), at(latencies, 0.99)];
  const against = p99 / at(alone, 0.99);
  process.stdout.write(`| ${mode} | ${beside} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${against.toFixed(2)} |\n`);
}
