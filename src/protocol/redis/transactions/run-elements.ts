import { INCOMPLETE } from '../../protocol.ts';
import { RedisReplyScanner } from '../reply-scanner.ts';
import { LF, MINUS, STAR } from '../resp.ts';

const NO_BYTES = Buffer.alloc(0);

/** Finds the replies in the reply to EXEC, whose pieces may end anywhere. Of what it has read it keeps nothing but the first line. */
export class RunElements {
  /** The line that the reply begins with, as far as it is known; whole once `hasBegun`, if the transaction was run. */
  head: Buffer = NO_BYTES;
  hasBegun = false;
  /** The transaction was run: any other reply than an array says that nothing was. */
  hasRun = false;
  /** Which reply is read, or comes next. */
  place = 0;
  isInside = false;
  private readonly scanner = new RedisReplyScanner();

  /** Reads of the first line. Returns where what follows it begins. */
  begin(buf: Buffer, start: number, end: number): number {
    const newline = buf.indexOf(LF, start);
    const stop = newline < 0 || newline >= end ? end : newline + 1;
    this.head = Buffer.concat([this.head, buf.subarray(start, stop)]);
    const { head } = this;
    // `*-1` says that a watched key has changed.
    const isArray = head[0] === STAR && head[1] !== MINUS;
    if (isArray && head.at(-1) !== LF) return end;
    if (head.length === 0 || (head[0] === STAR && head.length === 1)) return end;
    this.hasBegun = true;
    this.hasRun = isArray;
    return stop;
  }

  /** Reads of one reply, the next or the one that was begun. Returns where it ends, or `end`; then `isInside` says if there is more. */
  read(buf: Buffer, start: number, end: number): number {
    const { scanner } = this;
    if (!this.isInside) scanner.begin(0);
    const stop = scanner.scan(buf, start, end);
    // The server's reply was found to be one.
    if (stop < 0 && stop !== INCOMPLETE) throw new Error('an element of a reply to EXEC cannot be read');
    this.isInside = stop < 0;
    if (stop < 0) return end;
    this.place++;
    return stop;
  }
}
