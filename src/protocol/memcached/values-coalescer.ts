import type { ReplyOut } from '../../core/request.ts';
import type { Coalescer } from '../protocol.ts';
import { END, NOT_ASKED_FOR } from './replies.ts';
import { valueDataBytes } from './reply-line.ts';

const LF = 10;
const SPACE = 32;
const VALUE_PREFIX_BYTES = 'VALUE '.length;
/** Longer runs of VALUE blocks are handed on as they are; shorter ones are cheaper to copy. */
const COPY_LIMIT_BYTES = 4096;

/**
 * Merges the replies to the fragments of a get: VALUE blocks in the order of the keys asked for, then one END.
 * A server leaves out the keys it does not have, so each block is matched with the keys by its own key; within a
 * part, blocks come in the order of its keys, hence one step through keys and parts together.
 *
 *   keys    a b c d        parts[0]: a d        merged: a b d END
 *   owners  0 1 1 0        parts[1]: b
 *
 * Made for one request, as it copies the keys: the merge comes when the request's own bytes are gone.
 */
export class ValuesCoalescer implements Coalescer {
  /** The keys with the spaces between them. */
  private readonly keys: Buffer;

  /** `buf[start, end)`: from the first key's first byte to the last key's last. */
  constructor(buf: Buffer, start: number, end: number) {
    this.keys = Buffer.allocUnsafe(end - start);
    buf.copy(this.keys, 0, start, end);
  }

  merge(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): void {
    for (let p = 0; p < parts.length; p++) {
      if (!endsInEnd(parts[p]!)) {
        writeError(parts[p]!, out);
        return;
      }
    }
    const starts = new Int32Array(owners.length);
    const ends = new Int32Array(owners.length);
    if (!this.locateBlocks(parts, owners, starts, ends)) {
      out.appendOwned(NOT_ASKED_FOR);
      return;
    }
    // Blocks that follow each other in the same part are written together.
    let runPart = -1;
    let runStart = 0;
    let runEnd = 0;
    for (let i = 0; i < owners.length; i++) {
      const start = starts[i]!;
      const end = ends[i]!;
      if (end === 0) continue;
      const p = owners[i]!;
      if (p === runPart && start === runEnd) {
        runEnd = end;
        continue;
      }
      if (runPart >= 0) writeRun(parts[runPart]!, runStart, runEnd, out);
      runPart = p;
      runStart = start;
      runEnd = end;
    }
    if (runPart >= 0) writeRun(parts[runPart]!, runStart, runEnd, out);
    out.appendOwned(END);
  }

  /** Where the block of key i lies in its part; end 0: there is none. False when a part has a block of no key of it. */
  private locateBlocks(parts: readonly Buffer[], owners: Int32Array, starts: Int32Array, ends: Int32Array): boolean {
    const { keys } = this;
    const cursors = new Int32Array(parts.length);
    let keyEnd = -1;
    for (let i = 0; i < owners.length; i++) {
      let keyStart = keyEnd + 1;
      while (keys[keyStart] === SPACE) keyStart++;
      keyEnd = keyStart;
      while (keyEnd < keys.length && keys[keyEnd] !== SPACE) keyEnd++;

      const p = owners[i]!;
      const part = parts[p]!;
      const blockStart = cursors[p]!;
      if (!isBlockOf(part, blockStart, keys, keyStart, keyEnd)) continue;
      starts[i] = blockStart;
      cursors[p] = ends[i] = endOfBlock(part, blockStart);
    }
    for (let p = 0; p < parts.length; p++) if (cursors[p] !== parts[p]!.length - END.length) return false;
    return true;
  }
}

/** Whether `part[at…]` is the block of the key `keys[keyStart, keyEnd)`. */
function isBlockOf(part: Buffer, at: number, keys: Buffer, keyStart: number, keyEnd: number): boolean {
  const from = at + VALUE_PREFIX_BYTES - keyStart;
  if (part[from + keyEnd] !== SPACE) return false;
  for (let i = keyStart; i < keyEnd; i++) if (part[from + i] !== keys[i]) return false;
  return true;
}

/** The position after a VALUE block that the reply scanner found well-formed. */
function endOfBlock(part: Buffer, start: number): number {
  let lineEnd = start;
  while (part[lineEnd] !== LF) lineEnd++;
  return lineEnd + 1 + valueDataBytes(part, start, lineEnd - 1) + 2;
}

function writeRun(part: Buffer, start: number, end: number, out: ReplyOut): void {
  if (end - start > COPY_LIMIT_BYTES) out.appendOwned(part.subarray(start, end));
  else out.append(part, start, end);
}

/** The last line is END and not an error. */
function endsInEnd(part: Buffer): boolean {
  const at = part.length - END.length;
  return at >= 0 && END.equals(part.subarray(at)) && (at === 0 || part[at - 1] === LF);
}

/** An error may come after values that the server had already begun to send. */
function writeError(part: Buffer, out: ReplyOut): void {
  let lineStart = part.length - 1;
  while (lineStart > 0 && part[lineStart - 1] !== LF) lineStart--;
  out.append(part, lineStart, part.length);
}
