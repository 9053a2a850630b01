// What a tenant that floods costs its neighbour: latency of a neighbour that asks little, alone and beside floods of several kinds, on one
// worker; as one tenant (no users), as two users, and with limits for the one that floods. The control: the same floods straight to
// the server, so that what they cost there and on the machine is told from what they cost in the worker.
//
// The worker has core 0, and all else core 1, where the server and who measures run first (real-time priority) and the flood has the
// rest: else what is measured is how the kernel shares a core between them and the flood. All other processes of the machine are kept
// off core 0 meanwhile (cleared-core.ts). Where that can't be had, it says so.
//
//   npm run bench:neighbours [-- MODE …]
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../../test/support/pool-daemon.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { encodeCommand } from '../../test/support/resp-reader.ts';
import { ClearedCore } from './cleared-core.ts';
import type { FloodJob } from './flood-job.ts';
import { Phases } from './phases.ts';

const WORKER_CORE = '0';
const SECONDS = 12;
/** Before: V8 compiles what has become hot for some seconds, in the worker's thread and for milliseconds at a time. */
const WARM_UP_SECONDS = 5;
const NEIGHBOUR_CONNECTIONS = 20;
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
  // What is left of on and off when nothing floods: the noise.
  nothing: { connections: 1, request: latin1(get), replies: 1_000_000_000, replyBytes: replyTo(KEY_BYTES) },
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
interface Mode {
  readonly settings: readonly string[];
  /** The flood goes past Ringmaster. */
  readonly isPast?: boolean;
}
const TWO = ['users:', user('flood'), user('neighbour')];
const MODES: Readonly<Record<string, Mode>> = {
  control: { settings: TWO, isPast: true },
  'one tenant': { settings: [] },
  'two users': { settings: TWO },
  'two users, limits': { settings: ['users:', user('flood', `, ${LIMITS}`), user('neighbour')] },
};

const ends: (() => unknown)[] = [];
const scope = { after: (end: () => unknown) => void ends.push(end) };
try {
  await main();
} finally {
  for (const end of ends.reverse()) await end();
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const server = await startRedis();
  scope.after(() => server.kill());
  await server.command('SET', 'small', 'x'.repeat(KEY_BYTES));
  await server.command('SET', 'large', 'x'.repeat(LARGE_BYTES));
  clearCore();
  const complaint = pin(process.pid, '1') ?? pin(server.pid, '1') ?? goFirst(process.pid) ?? goFirst(server.pid);
  favour(process.pid);
  if (complaint !== null) process.stdout.write(`Not pinned, the kernel shares the cores as it likes: ${complaint}\n\n`);
  const pool = { protocol: 'redis', servers: [server.port], settings: ['timeout: 30s'] } as const;
  process.stdout.write('| tenants | beside | flood, requests/s | p50 ms: off | on | p99 ms: off | on | on/off |\n');
  process.stdout.write('|---|---|---|---|---|---|---|---|\n');
  for (const [mode, { settings, isPast = false }] of Object.entries(MODES)) {
    if (wanted.length > 0 && !wanted.includes(mode)) continue;
    const daemon = await startDaemon(scope as never, { pool }, { workers: 1, settings });
    for (const pid of daemon.ringmaster.workerPids()) {
      pin(pid, WORKER_CORE);
      favour(pid);
    }
    const isSignedIn = settings.length > 0;
    const port = daemon.port('pool');
    for (const [name, kind] of Object.entries(FLOODS)) {
      const flood = await startFlood({
        ...kind,
        port: isPast ? server.port : port,
        user: isSignedIn && !isPast ? 'flood' : null,
      });
      const warmUp = new Phases(flood);
      // Its clients leave once before, too: what no client has done yet V8 takes for constant.
      await neighbour(port, isSignedIn, warmUp, 1);
      await neighbour(port, isSignedIn, warmUp, WARM_UP_SECONDS);
      warmUp.end();
      const from = await answered(flood);
      const phases = new Phases(flood, warmUp.isOn);
      await neighbour(port, isSignedIn, phases, SECONDS);
      phases.end();
      row(mode, name, ((await answered(flood)) - from) / (SECONDS / 2), phases);
      flood.kill('SIGKILL');
      await once(flood, 'exit');
    }
    await daemon.ringmaster.stop();
  }
}

/** All others off the worker's core, until the end however it comes, and says how far that went. */
function clearCore(): void {
  try {
    const cleared = new ClearedCore(Number(WORKER_CORE), new Set([process.pid]));
    scope.after(() => cleared.restore());
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        cleared.restore();
        process.exit(1);
      });
    }
    const { moved, refused } = cleared;
    const rest = refused === 0 ? '' : `; ${refused} may not be moved, and what they do there is in the figures`;
    process.stdout.write(`Core ${WORKER_CORE} is the worker's: ${moved} other processes are kept off it${rest}.\n\n`);
  } catch (error) {
    process.stdout.write(`Others may run on core ${WORKER_CORE}: ${(error as Error).message}\n\n`);
  }
}

function pin(pid: number, cores: string): string | null {
  return run('taskset', '-a', '-c', '-p', cores, String(pid));
}

/** Before all others on its core. Children don't inherit it. */
function goFirst(pid: number): string | null {
  return run('chrt', '-R', '-r', '-p', '10', String(pid));
}

/** Its session, where the kernel shares its time between sessions first (sched(7), autogroups). */
function favour(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '-20');
  } catch {
    // It does not.
  }
}

/** Null, or why not. */
function run(command: string, ...args: readonly string[]): string | null {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? null : stderr.trim();
}

async function startFlood(job: FloodJob): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./flood.ts', import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  scope.after(() => child.kill('SIGKILL'));
  run('renice', '-n', '-10', '-p', String(child.pid));
  await once(child.stdout!, 'data');
  return child;
}

/** Requests of the flood that were answered so far. */
async function answered(flood: ChildProcess): Promise<number> {
  flood.send('how many');
  const [count] = await once(flood, 'message');
  return count as number;
}

async function neighbour(port: number, isSignedIn: boolean, phases: Phases, seconds: number): Promise<void> {
  const untilMs = performance.now() + seconds * 1000;
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
      phases.add(startedMs);
      nextMs = Math.max(nextMs + EVERY_MS, startedMs);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: NEIGHBOUR_CONNECTIONS }, ask));
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

function row(mode: string, beside: string, perSecond: number, phases: Phases): void {
  const figures = [
    phases.typical(false, 0.5),
    phases.typical(true, 0.5),
    phases.typical(false, 0.99),
    phases.typical(true, 0.99),
    phases.typicalRatio(0.99),
  ];
  process.stdout.write(
    `| ${mode} | ${beside} | ${Math.round(perSecond)} | ${figures.map(figure => figure.toFixed(2)).join(' | ')} |\n`,
  );
}
