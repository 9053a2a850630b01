import { RUN_FIELDS } from '../memory/runs.ts';
import type { ReplyOut } from '../request/request.ts';

/** Requests with more keys have their own memory for runs. */
const SCRATCH_KEYS = 4096;
const scratch = new Int32Array(SCRATCH_KEYS * RUN_FIELDS);
/** Where runs are this long in the middle, they are written one by one; shorter ones all together. */
const LONG_RUN_BYTES = 2048;
/** Longer runs are handed on as they are; shorter ones are cheaper to copy. */
const OWNED_RUN_BYTES = 16 * 1024;

/** Memory for the runs of a request with `keyCount` keys; another's with the next call. */
export function runMemory(keyCount: number): Int32Array {
  return keyCount > SCRATCH_KEYS ? new Int32Array(keyCount * RUN_FIELDS) : scratch;
}

/** Writes the runs in `runs[0, end)`, each a part's index, start and end, in their order. */
export function writeRuns(parts: readonly Buffer[], runs: Int32Array, end: number, out: ReplyOut): void {
  let size = 0;
  for (let at = 0; at < end; at += RUN_FIELDS) size += runs[at + 2]! - runs[at + 1]!;
  if (size * RUN_FIELDS < end * LONG_RUN_BYTES) {
    out.appendRuns(parts, runs, end, size);
    return;
  }
  for (let at = 0; at < end; at += RUN_FIELDS) {
    const part = parts[runs[at]!]!;
    const from = runs[at + 1]!;
    const to = runs[at + 2]!;
    if (to - from >= OWNED_RUN_BYTES) out.appendOwned(part.subarray(from, to));
    else out.append(part, from, to);
  }
}
