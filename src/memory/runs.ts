import { addressOf, copyBytes } from '../system/copy.ts';
import type { Block } from './block.ts';

/** Of a run, neighbours that are copied at once: the index of the buffer they are in, start, end. */
export const RUN_FIELDS = 3;
/** Addresses of so many buffers need no memory of their own. */
const SCRATCH_BUFFERS = 256;
const scratch = new BigUint64Array(SCRATCH_BUFFERS);

/** Copies the runs in `runs[0, end)` side by side into `target`, from `at` on. Throws a RangeError when they don't fit. */
export function copyRuns(target: Block, at: number, buffers: readonly Buffer[], runs: Int32Array, end: number): void {
  const count = buffers.length;
  const addresses = count > SCRATCH_BUFFERS ? new BigUint64Array(count) : scratch;
  for (let i = 0; i < count; i++) addresses[i] = addressOf(buffers[i]!);
  const { bytes, address } = target;
  let to = at;
  for (let i = 0; i < end; i += RUN_FIELDS) {
    const buffer = runs[i]!;
    const from = runs[i + 1]!;
    const stop = runs[i + 2]!;
    copyBytes(bytes, address, to, buffers[buffer]!, addresses[buffer]!, from, stop);
    to += stop - from;
  }
}
