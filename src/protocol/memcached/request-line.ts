import { INCOMPLETE } from '../protocol.ts';
import { findCommand, KIND_GAT, KIND_GET, type MemcachedCommand } from './command-table.ts';

const NUL = 0;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** A line without a newline in its first so many bytes is refused; `get` and `gets` may be longer. memcached's limit. */
export const MAX_LINE_BYTES = 2049;
/** What `get` and `gets` may grow to at most: two million keys, which memcached would take too. */
const MAX_GET_LINE_BYTES = 4 << 20;
/** More spaces than these before `get`, and the line may not be longer than others. memcached's limit. */
const MAX_LEADING_SPACES = 100;
export const MAX_KEY_BYTES = 250;
const FIRST_ARGS = 32;

/** The line is longer than it may be. */
export const LINE_TOO_LONG = -3;

const NOREPLY = Buffer.from('noreply', 'latin1');
const HTTP = Buffer.from('HTTP/', 'latin1');

/**
 * A request line cut into words, in one pass and without allocating: only spaces part words, `\n` ends the line and
 * one `\r` before it is dropped, as memcached 1.6 does.
 *
 *   "  gat 60 key1  key2\r\n"
 *      name │  └────┴── args 0, 1: argStarts, argEnds
 *           └── exptime (gat and gats only)
 */
export class RequestLine {
  command: MemcachedCommand | null = null;
  nameEnd = 0;
  /** Of gat and gats the word after the name, which is not counted as an argument; else equal. */
  exptimeStart = 0;
  exptimeEnd = 0;
  argCount = 0;
  /** Only the first FIRST_ARGS when the command does not take any number of keys. */
  argStarts = new Int32Array(FIRST_ARGS);
  argEnds = new Int32Array(FIRST_ARGS);
  /** Length of the longest argument. */
  longestArgBytes = 0;
  /** A zero byte ends the line for memcached 1.6.18 and is part of a word for later ones. */
  hasNul = false;

  /** The same words of a get where they lie `shift` bytes further on, and stay. */
  shifted(shift: number): RequestLine {
    const line = new RequestLine();
    line.command = this.command;
    // Where there is none, both are 0 whatever the line's position.
    const hasExptime = this.exptimeEnd > this.exptimeStart;
    line.exptimeStart = hasExptime ? this.exptimeStart + shift : 0;
    line.exptimeEnd = hasExptime ? this.exptimeEnd + shift : 0;
    line.argCount = this.argCount;
    line.argStarts = this.argStarts.slice(0, this.argCount).map(start => start + shift);
    line.argEnds = this.argEnds.slice(0, this.argCount).map(end => end + shift);
    return line;
  }

  /**
   * Reads the line that begins at `buf[start]`. Returns the position after its newline, INCOMPLETE or LINE_TOO_LONG;
   * `maxGetLineBytes` is how long one of `get` and `gets` may be.
   */
  read(buf: Buffer, start: number, end: number, maxGetLineBytes: number): number {
    this.command = null;
    this.exptimeStart = this.exptimeEnd = 0;
    this.argCount = this.longestArgBytes = 0;
    this.hasNul = false;

    let limit = MAX_LINE_BYTES;
    let stop = end - start > limit ? start + limit : end;
    let at = start;
    let byte = 0;
    while (at < stop && buf[at] === SPACE) at++;
    const nameStart = at;
    while (at < stop) {
      byte = buf[at]!;
      if (byte === SPACE || byte === LF) break;
      at++;
    }
    if (at === stop) return end - start >= limit ? LINE_TOO_LONG : INCOMPLETE;
    this.nameEnd = byte === LF && at > nameStart && buf[at - 1] === CR ? at - 1 : at;
    const command = findCommand(buf, nameStart, this.nameEnd);
    this.command = command;
    if (byte === LF) return at + 1;

    const hasManyArgs = command !== null && (command.kind === KIND_GET || command.kind === KIND_GAT);
    if (command !== null && command.kind === KIND_GET && nameStart - start <= MAX_LEADING_SPACES) {
      limit = maxGetLineBytes;
      stop = end - start > limit ? start + limit : end;
    }
    let isExptime = command !== null && command.kind === KIND_GAT;
    let count = 0;
    let longest = 0;
    for (;;) {
      while (at < stop) {
        byte = buf[at]!;
        if (byte !== SPACE) break;
        at++;
      }
      const wordStart = at;
      // Four bytes at a time: most of a request for many keys is read here.
      while (
        at + 3 < stop &&
        buf[at]! > SPACE &&
        buf[at + 1]! > SPACE &&
        buf[at + 2]! > SPACE &&
        buf[at + 3]! > SPACE
      ) {
        at += 4;
      }
      while (at < stop) {
        byte = buf[at]!;
        if (byte <= SPACE) {
          if (byte === SPACE || byte === LF) break;
          if (byte === NUL) this.hasNul = true;
        }
        at++;
      }
      if (at === stop) return end - start >= limit ? LINE_TOO_LONG : INCOMPLETE;
      const wordEnd = byte === LF && at > wordStart && buf[at - 1] === CR ? at - 1 : at;
      if (wordEnd > wordStart) {
        if (isExptime) {
          this.exptimeStart = wordStart;
          this.exptimeEnd = wordEnd;
          isExptime = false;
        } else {
          if (count < this.argStarts.length || (hasManyArgs && this.grow())) {
            this.argStarts[count] = wordStart;
            this.argEnds[count] = wordEnd;
          }
          if (wordEnd - wordStart > longest) longest = wordEnd - wordStart;
          count++;
        }
      }
      if (byte === LF) break;
    }
    this.argCount = count;
    this.longestArgBytes = longest;
    return at + 1;
  }

  /** Argument `index` is there and is `noreply`. */
  isNoreply(buf: Buffer, index: number): boolean {
    if (index < 0 || index >= this.argCount || index >= FIRST_ARGS) return false;
    const start = this.argStarts[index]!;
    if (this.argEnds[index]! - start !== NOREPLY.length) return false;
    let at = 0;
    while (at < NOREPLY.length && buf[start + at] === NOREPLY[at]) at++;
    return at === NOREPLY.length;
  }

  /** Makes argument `index` the bytes `[start, end)`; those before it are there. */
  setArg(index: number, start: number, end: number): void {
    if (index >= this.argStarts.length) this.grow();
    this.argStarts[index] = start;
    this.argEnds[index] = end;
    this.argCount = index + 1;
  }

  /** Bounded by the line's length; always true. */
  private grow(): boolean {
    const size = this.argStarts.length * 2;
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    starts.set(this.argStarts);
    ends.set(this.argEnds);
    this.argStarts = starts;
    this.argEnds = ends;
    return true;
  }
}

/**
 * Whether the last word of the line `buf[start, end)`, newline included, begins with `HTTP/`: the first line of an HTTP
 * request. What follows it is a browser's, told by some web page what to send, and never commands.
 */
export function endsInHttp(buf: Buffer, start: number, end: number): boolean {
  let wordEnd = end - 1;
  if (wordEnd > start && buf[wordEnd - 1] === CR) wordEnd--;
  while (wordEnd > start && buf[wordEnd - 1] === SPACE) wordEnd--;
  let at = wordEnd;
  while (at > start && buf[at - 1] !== SPACE) at--;
  for (let i = 0; i < HTTP.length; i++) if (at + i >= wordEnd || buf[at + i] !== HTTP[i]) return false;
  return true;
}

/** How long the line of `get` and `gets` may be where requests may have `maxRequestBytes`. */
export function getLineLimit(maxRequestBytes: number): number {
  return Math.max(MAX_LINE_BYTES, Math.min(maxRequestBytes, MAX_GET_LINE_BYTES));
}

/** Whether a line that begins with `buf[start, end)` may be longer than MAX_LINE_BYTES: that of get and gets. */
export function beginsLongLine(buf: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && buf[at] === SPACE) at++;
  if (at - start > MAX_LEADING_SPACES) return false;
  let nameEnd = at;
  while (nameEnd < end && buf[nameEnd] !== SPACE) nameEnd++;
  const command = nameEnd < end ? findCommand(buf, at, nameEnd) : null;
  return command !== null && command.kind === KIND_GET;
}
