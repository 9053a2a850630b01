// Loaded into the processes of a daemon with --import: writes down what turns of their event loops take, as CPU time of the
// main thread between two ticks of a timer, so that a busy machine makes no difference.
import cluster from 'node:cluster';
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** One turn. */
export interface Slice {
  readonly role: 'master' | 'worker';
  /** When it ended: milliseconds since 1970. */
  readonly atMs: number;
  readonly cpuMs: number;
}

const TICK_MS = 1;
/** Shorter ones are of no interest. */
const LEAST_MS = 4;
const file = process.env.SLICES_FILE;

if (isMainThread && file !== undefined) {
  const role = cluster.isWorker ? 'worker' : 'master';
  let last = process.threadCpuUsage();
  setInterval(() => {
    const now = process.threadCpuUsage();
    const cpuMs = (now.user + now.system - last.user - last.system) / 1000;
    if (cpuMs >= LEAST_MS) {
      const slice: Slice = { role, atMs: Date.now(), cpuMs };
      appendFileSync(file, `${JSON.stringify(slice)}\n`);
      last = process.threadCpuUsage();
    } else last = now;
  }, TICK_MS).unref();
}
