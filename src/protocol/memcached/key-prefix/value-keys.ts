import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { LineGatherer } from '../binary/line-gatherer.ts';
import { NOT_ASKED_FOR } from '../replies.ts';

const SPACE = 32;
const V = 0x56;
const KEY_AT = 'VALUE '.length;
const LINE_END_BYTES = 2;

/**
 * Takes the prefix off the keys in a reply to a get, which may come in pieces that end anywhere:
 *
 *   VALUE app:k 0 1 ─▶ VALUE k 0 1      the data as it is      END
 */
export class ValueKeys implements ReplyTransform {
  private readonly prefix: Buffer;
  private readonly line = new LineGatherer();
  /** Of a value, with its line end. */
  private left = 0;
  private isRefused = false;

  constructor(prefix: Buffer) {
    this.prefix = prefix;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    let at = start;
    while (at < end && !this.isRefused) {
      if (this.left > 0) {
        const stop = Math.min(end, at + this.left);
        this.left -= stop - at;
        out.append(buf, at, stop);
        at = stop;
        continue;
      }
      const next = this.line.read(buf, at, end);
      if (next < 0) return;
      at = next;
      this.takeLine(out);
    }
  }

  failure(): null {
    return null;
  }

  private takeLine(out: TransformOut): void {
    const { prefix } = this;
    const { buf, start, end } = this.line;
    const lineEnd = end + LINE_END_BYTES;
    if (buf[start] !== V) {
      out.append(buf, start, lineEnd);
      return;
    }
    const keyAt = start + KEY_AT;
    const ownAt = keyAt + prefix.length;
    if (ownAt > end || buf.compare(prefix, 0, prefix.length, keyAt, ownAt) !== 0) {
      this.isRefused = true;
      out.append(NOT_ASKED_FOR, 0, NOT_ASKED_FOR.length);
      return;
    }
    // VALUE <key> <flags> <bytes> [<cas>]
    let at = buf.indexOf(SPACE, ownAt) + 1;
    at = buf.indexOf(SPACE, at) + 1;
    let bytes = 0;
    for (; at < end && buf[at] !== SPACE; at++) bytes = bytes * 10 + buf[at]! - 0x30;
    this.left = bytes + LINE_END_BYTES;
    const line = Buffer.concat([buf.subarray(start, keyAt), buf.subarray(ownAt, lineEnd)]);
    out.append(line, 0, line.length);
  }
}
