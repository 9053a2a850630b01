// What the operating system is asked for each worker: its core, its priority, its quick ACKs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';

const CORES = cpus().length;

async function start(t: TestContext, settings: readonly string[], workers = 2): Promise<Daemon> {
  const server = await startFakeBackend(() => {});
  t.after(() => server.close());
  return startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers, settings });
}

/** As taskset shows it: `0`, `0,1`, `0-3`. */
function coresOf(pid: number): string {
  const shown = execFileSync('taskset', ['-c', '-p', String(pid)], { encoding: 'utf8' });
  return shown.slice(shown.lastIndexOf(':') + 1).trim();
}

function niceOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

test('cpu_affinity: auto pins the workers to the cores in turn', async t => {
  const daemon = await start(t, ['cpu_affinity: auto'], CORES + 1);
  const cores = daemon.ringmaster.workerPids().map(coresOf).sort();
  const want = Array.from({ length: CORES + 1 }, (_, slot) => String(slot % CORES)).sort();
  assert.deepEqual(cores, want);
  const logged = (await daemon.untilLogged(/^worker pinned to a core/, want.length)).map(({ core }) => String(core));
  assert.deepEqual(logged.sort(), want);
});

test('cpu_affinity: a list of cores pins them to these', async t => {
  const daemon = await start(t, [`cpu_affinity: "${CORES - 1}"`]);
  assert.deepEqual(daemon.ringmaster.workerPids().map(coresOf), [String(CORES - 1), String(CORES - 1)]);
});

test('cpu_affinity: off, the default, leaves them to the kernel', async t => {
  const daemon = await start(t, []);
  const ours = coresOf(process.pid);
  assert.deepEqual(daemon.ringmaster.workerPids().map(coresOf), [ours, ours]);
});

test('cpu_affinity for a core that is not there is said in the log, and the worker serves', async t => {
  const daemon = await start(t, ['cpu_affinity: "1000"'], 1);
  assert.equal((await daemon.untilLogged(/^cpu_affinity has no effect/)).length, 1);
  const client = await daemon.client('pool');
  assert.equal(await client.command('PING'), 'PONG');
  client.destroy();
});

test('worker_nice is the priority of the workers, not of the master', async t => {
  const daemon = await start(t, ['worker_nice: 7']);
  assert.deepEqual(daemon.ringmaster.workerPids().map(niceOf), [7, 7]);
  assert.equal(niceOf(daemon.ringmaster.pid), niceOf(process.pid));
});

test('quick ACKs and polled sockets are in /metrics, by worker', async t => {
  const daemon = await start(t, []);
  for (const worker of ['0', '1']) {
    await daemon.untilMetric('ringmaster_worker_quick_ack', { worker }, 1);
    await daemon.untilMetric('ringmaster_worker_polled_sockets', { worker }, 1);
  }
});
