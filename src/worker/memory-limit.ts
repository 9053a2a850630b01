import { availableParallelism, totalmem } from 'node:os';
import type { Config } from '../config/config.ts';

/** Of the memory of the machine or the container: the rest is for the master and the system. */
const AUTO_SHARE = 0.75;
/** What a worker takes besides what it holds: itself, garbage, what malloc keeps. Measured under attack: 200 MiB. */
const OWN_BYTES = 256 * 2 ** 20;
/** However many workers share little memory: less would cut clients off that ask for nothing unusual. */
const AUTO_MIN_BYTES = 64 * 2 ** 20;

/** What a worker may hold for its clients; 0: any amount. `machineBytes`: the memory there is for all workers. */
export function memoryLimitBytes({ maxMemoryBytes, workers }: Config, machineBytes = availableBytes()): number {
  if (maxMemoryBytes !== 'auto') return maxMemoryBytes;
  const count = workers === 'auto' ? availableParallelism() : workers;
  return Math.max(AUTO_MIN_BYTES, Math.floor((machineBytes * AUTO_SHARE) / count) - OWN_BYTES);
}

/** Of the machine, or what its container is limited to. */
function availableBytes(): number {
  // 0 where there are no such limits, and beyond all measure where none is set.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}
