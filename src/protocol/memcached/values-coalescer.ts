import { RUN_FIELDS } from '../../memory/runs.ts';
import type { ReplyOut } from '../../request/request.ts';
import type { Coalescer } from '../protocol.ts';
import { runMemory, writeRuns } from '../runs.ts';
import { END, NOT_ASKED_FOR } from './replies.ts';
import { valueBlockEnd } from './reply-line.ts';

const LF = 10;
const SPACE = 32;
const VALUE_PREFIX_BYTES = 'VALUE '.length;

/**
 * Merges the replies to the fragments of a get: VALUE blocks in the order of the keys asked for, then one END.
 * A server leaves out the keys it does not have, so each block is matched with the keys by its own key; within a
 * part, blocks come in the order of its keys, hence one step through keys and parts together. Blocks that follow each
 * other in the same part are a run, written at once.
 *
 *   keys    a b c d e      parts[0]: a d e      merged: a b d e END
 *   owners  0 1 1 0 0      parts[1]: b          runs:   0 a, 1 b, 0 from d to e
 *
 * Made for one request, as it copies the keys: the merge comes when the request's own bytes are gone.
 */
export class ValuesCoalescer implements Coalescer {
  /** The keys with the spaces between them, and one behind the last. */
  private readonly keys: Buffer;

  /** `buf[start, end)`: from the first key's first byte to the last key's last. */
  constructor(buf: Buffer, start: number, end: number) {
    this.keys = Buffer.allocUnsafe(end - start + 1);
    buf.copy(this.keys, 0, start, end);
    this.keys[end - start] = SPACE;
  }

  merge(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): void {
    for (let p = 0; p < parts.length; p++) {
      if (!endsInEnd(parts[p]!)) {
        writeError(parts[p]!, out);
        return;
      }
    }
    const runs = runMemory(owners.length);
    const runsEnd = this.locateRuns(parts, owners, runs);
    if (runsEnd < 0) {
      out.appendOwned(NOT_ASKED_FOR);
      return;
    }
    writeRuns(parts, runs, runsEnd, out);
    out.appendOwned(END);
  }

  /** Fills `runs` and returns where they end, or -1 when a part has a block of no key of it. */
  private locateRuns(parts: readonly Buffer[], owners: Int32Array, runs: Int32Array): number {
    const { keys } = this;
    const cursors = new Int32Array(parts.length);
    let run = -RUN_FIELDS;
    let runPart = -1;
    let k = 0;
    for (let i = 0; i < owners.length; i++) {
      while (keys[k] === SPACE) k++;
      const p = owners[i]!;
      const part = parts[p]!;
      const blockStart = cursors[p]!;
      let at = blockStart + VALUE_PREFIX_BYTES;
      while (keys[k] === part[at] && keys[k] !== SPACE) {
        k++;
        at++;
      }
      if (keys[k] !== SPACE || part[at] !== SPACE) {
        // A miss.
        while (keys[k] !== SPACE) k++;
        continue;
      }
      const blockEnd = valueBlockEnd(part, at, part.length);
      cursors[p] = blockEnd;
      if (p !== runPart) {
        runPart = p;
        run += RUN_FIELDS;
        runs[run] = p;
        runs[run + 1] = blockStart;
      }
      runs[run + 2] = blockEnd;
    }
    for (let p = 0; p < parts.length; p++) if (cursors[p] !== parts[p]!.length - END.length) return -1;
    return run + RUN_FIELDS;
  }
}

/** The last line is END and not an error. */
function endsInEnd(part: Buffer): boolean {
  const start = part.length - END.length;
  if (start < 0 || (start > 0 && part[start - 1] !== LF)) return false;
  for (let i = 0; i < END.length; i++) if (part[start + i] !== END[i]) return false;
  return true;
}

/** An error may come after values that the server had already begun to send. */
function writeError(part: Buffer, out: ReplyOut): void {
  let lineStart = part.length - 1;
  while (lineStart > 0 && part[lineStart - 1] !== LF) lineStart--;
  out.append(part, lineStart, part.length);
}
