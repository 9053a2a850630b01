import { cpus, setPriority } from 'node:os';
import type { Config } from '../config/config.ts';
import { arePolled } from '../socket/sockets.ts';
import type { Log } from '../system/log.ts';
import type { SystemCalls } from '../system/system-calls.ts';

/** Takes the core and the priority that the configuration has for the worker, as far as the system lets us; the log tells what came of it. */
export function takePlace(
  slot: number,
  { cpuAffinity, workerNice }: Config,
  systemCalls: SystemCalls | null,
  log: Log,
): void {
  if (cpuAffinity !== 'off') {
    const cores = cpuAffinity === 'auto' ? Array.from({ length: cpus().length }, (_, core) => core) : cpuAffinity;
    const core = cores[slot % cores.length] as number;
    const isPinned = systemCalls?.setAffinity([core]) ?? false;
    if (isPinned) log.info({ core }, 'worker pinned to a core');
    else log.warn({ core }, 'cpu_affinity has no effect: this system or runtime does not let us');
  }
  try {
    if (workerNice !== 0) setPriority(workerNice);
  } catch (error) {
    log.warn({ worker_nice: workerNice, err: error }, 'worker_nice has no effect');
  }
}

/** Which sockets the worker has. */
export function saySockets(hasQuickAck: boolean, log: Log): void {
  log.info({ quickAck: hasQuickAck }, hasQuickAck ? 'quick ACKs are on' : 'quick ACKs are off: no node:ffi here');
  const sockets = arePolled ? 'polled' : 'net';
  log.info({ sockets }, arePolled ? 'sockets are polled' : 'sockets are on node:net: slower');
}
