import type { ReplyOut } from '../core/request.ts';

/** Of a run, neighbours from one part of a merged reply: the part's index, start, end. */
export const RUN_FIELDS = 3;
/** Requests with more keys have their own memory for runs. */
const SCRATCH_KEYS = 4096;
const scratch = new Int32Array(SCRATCH_KEYS * RUN_FIELDS);
/** Longer runs are handed on as they are; shorter ones are cheaper to copy. */
const OWNED_RUN_BYTES = 16 * 1024;

/** Memory for the runs of a request with `keyCount` keys; another's with the next call. */
export function runMemory(keyCount: number): Int32Array {
  return keyCount > SCRATCH_KEYS ? new Int32Array(keyCount * RUN_FIELDS) : scratch;
}

/** Writes the runs in `runs[0, end)`, in their order. */
export function writeRuns(parts: readonly Buffer[], runs: Int32Array, end: number, out: ReplyOut): void {
  for (let at = 0; at < end; at += RUN_FIELDS) {
    const part = parts[runs[at]!]!;
    const from = runs[at + 1]!;
    const to = runs[at + 2]!;
    if (to - from >= OWNED_RUN_BYTES) out.appendOwned(part.subarray(from, to));
    else out.append(part, from, to);
  }
}
