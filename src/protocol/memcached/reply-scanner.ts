import { INCOMPLETE, MALFORMED, type ReplyScanner } from '../protocol.ts';
import {
  LINE_END,
  LINE_ERROR,
  LINE_LOST,
  LINE_META,
  LINE_META_VALUE,
  LINE_REFUSED,
  LINE_STAT,
  LINE_STORED,
  LINE_VALUE,
  LINE_WORD,
  metaValueDataBytes,
  replyLineKind,
  valueDataBytes,
  wholeValueBlockEnd,
} from './reply-line.ts';

/** One line. */
export const REPLY_LINE = 0;
/** One line, the answer to a storage command. */
export const REPLY_STORED = 1;
/** VALUE lines with their data, then END; or an error. */
export const REPLY_VALUES = 2;
/** STAT lines, then END; or one line. */
export const REPLY_STATS = 3;
/** Lines `key=…` that end in LF alone, then END; or one line. There may be any number of them. */
export const REPLY_KEYS = 4;
/** The answer to `version`, which says what the server understands. */
export const REPLY_VERSION = 5;
// From here on, answers to what servers before META_VERSION do not understand.
/** The answer to a meta command: one line, and after VA a value. */
export const REPLY_META = 6;
/** The answer to `ms`: one line. */
export const REPLY_META_STORED = 7;

/** Longest line of a reply; the longest real ones are STAT lines with addresses or file names. */
const MAX_REPLY_LINE_BYTES = 4096;

/**
 * Longest reply of STAT lines: all of it is kept until the other servers' are there. Those of memcached have 30 KB, and
 * what `stats cachedump` lists has 2 MB at most.
 */
export const MAX_STATS_REPLY_BYTES = 4 * 1024 * 1024;

const LF = 10;
const CR = 13;
// `EN`: there is no such item.
const LETTER_E = 69;
const LETTER_N = 78;
// `key=`.
const LETTER_K = 107;

const IN_LINE = 0;
const IN_DATA = 1;
const IN_DATA_CR = 2;
const IN_DATA_LF = 3;

/**
 * Finds the end of a reply as its bytes arrive. Lines are looked at whole: in place when one arrives in one piece,
 * else its pieces are gathered in `partial`. Data is jumped over.
 *
 *   begin ─▶ IN_LINE ─ END, error, word ─▶ done
 *              │  ▲ ▲─ STAT
 *        VALUE ▼  │
 *           IN_DATA ─▶ IN_DATA_CR ─▶ IN_DATA_LF
 */
export class MemcachedReplyScanner implements ReplyScanner {
  isError = false;
  /** Known from the server's version, once it has said it. */
  highestReplyKind: number = REPLY_META_STORED;
  readonly isOutOfService = false;
  private kind: number = REPLY_LINE;
  private state = IN_LINE;
  private dataLeft = 0;
  /** Of lines that more follow. */
  private linesBytes = 0;
  private values = 0;
  private isMiss = false;
  private partial: Buffer | null = null;
  private partialBytes = 0;

  get missingBytes(): number {
    return this.state === IN_DATA ? this.dataLeft : 0;
  }

  begin(replyKind: number): void {
    this.kind = replyKind;
    this.state = IN_LINE;
    this.isError = false;
    this.values = 0;
    this.isMiss = false;
    this.linesBytes = 0;
    this.partialBytes = 0;
  }

  found(asked: number): number {
    if (this.kind === REPLY_META) return this.isMiss ? 0 : asked;
    return Math.min(asked, this.values);
  }

  /** memcached speaks when it is asked. */
  isPush(): boolean {
    return false;
  }

  beginPush(): void {
    this.begin(REPLY_LINE);
  }

  scan(buf: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      switch (this.state) {
        case IN_LINE: {
          if (this.kind === REPLY_VALUES && this.partialBytes === 0) {
            const next = wholeValueBlockEnd(buf, at, end, at + MAX_REPLY_LINE_BYTES);
            if (next > 0) {
              at = next;
              this.values++;
              break;
            }
          }
          const lineEnd = this.findLineEnd(buf, at, end);
          if (lineEnd < 0) return lineEnd;
          const after =
            this.partialBytes > 0 ? this.takePartialLine(buf, at, lineEnd) : this.takeLine(buf, at, lineEnd);
          at = lineEnd;
          if (after === MALFORMED) return MALFORMED;
          if (after === DONE) return at;
          break;
        }
        case IN_DATA: {
          const left = end - at;
          if (left < this.dataLeft) {
            this.dataLeft -= left;
            return INCOMPLETE;
          }
          at += this.dataLeft;
          this.state = IN_DATA_CR;
          break;
        }
        case IN_DATA_CR:
          if (buf[at++] !== CR) return MALFORMED;
          this.state = IN_DATA_LF;
          break;
        default:
          if (buf[at++] !== LF) return MALFORMED;
          if (this.kind === REPLY_META) return at;
          this.state = IN_LINE;
          break;
      }
    }
    return INCOMPLETE;
  }

  /** Position after the newline; without one the bytes are kept and it is INCOMPLETE, or MALFORMED when too many. */
  private findLineEnd(buf: Buffer, start: number, end: number): number {
    const limit = start + MAX_REPLY_LINE_BYTES - this.partialBytes;
    const stop = end < limit ? end : limit;
    let at = start;
    while (at < stop && buf[at] !== LF) at++;
    if (at < stop) return at + 1;
    if (stop === limit) return MALFORMED;
    this.keep(buf, start, end);
    return INCOMPLETE;
  }

  private keep(buf: Buffer, start: number, end: number): void {
    this.partial ??= Buffer.allocUnsafeSlow(MAX_REPLY_LINE_BYTES);
    buf.copy(this.partial, this.partialBytes, start, end);
    this.partialBytes += end - start;
  }

  private takePartialLine(buf: Buffer, start: number, end: number): number {
    this.keep(buf, start, end);
    const length = this.partialBytes;
    this.partialBytes = 0;
    return this.takeLine(this.partial!, 0, length);
  }

  /** Takes the line `buf[start, end)`, newline included: MALFORMED, DONE, or GOES_ON. */
  private takeLine(buf: Buffer, start: number, end: number): number {
    const textEnd = end - 2;
    if (textEnd < start || buf[textEnd] !== CR) {
      return this.kind === REPLY_KEYS && buf[start] === LETTER_K ? GOES_ON : MALFORMED;
    }
    const line = replyLineKind(buf, start, textEnd);
    if (line === LINE_ERROR || line === LINE_REFUSED) {
      this.isError = true;
      if (this.kind === REPLY_VERSION) this.highestReplyKind = REPLY_VERSION;
      const hasData = this.kind === REPLY_STORED || this.kind === REPLY_META_STORED;
      return line === LINE_REFUSED && hasData ? MALFORMED : DONE;
    }
    if (line === LINE_LOST) return MALFORMED;
    switch (this.kind) {
      case REPLY_VALUES:
        if (line === LINE_END) return DONE;
        if (line !== LINE_VALUE) return MALFORMED;
        this.dataLeft = valueDataBytes(buf, start, textEnd);
        if (this.dataLeft < 0) return MALFORMED;
        this.state = IN_DATA;
        this.values++;
        return GOES_ON;
      case REPLY_META:
        this.isMiss = buf[start] === LETTER_E && buf[start + 1] === LETTER_N;
        if (line === LINE_META) return DONE;
        if (line !== LINE_META_VALUE) return MALFORMED;
        this.dataLeft = metaValueDataBytes(buf, start, textEnd);
        if (this.dataLeft < 0) return MALFORMED;
        this.state = IN_DATA;
        return GOES_ON;
      case REPLY_META_STORED:
        return line === LINE_META ? DONE : MALFORMED;
      case REPLY_STORED:
        return line === LINE_STORED ? DONE : MALFORMED;
      case REPLY_STATS:
        if (line === LINE_END) return DONE;
        if (line === LINE_STAT) {
          this.linesBytes += end - start;
          return this.linesBytes > MAX_STATS_REPLY_BYTES ? MALFORMED : GOES_ON;
        }
        return line === LINE_WORD && this.linesBytes === 0 ? DONE : MALFORMED;
      case REPLY_KEYS:
        this.isError = line !== LINE_END;
        return DONE;
      case REPLY_VERSION:
        this.highestReplyKind = speaksMeta(buf.toString('latin1', start, textEnd)) ? REPLY_META_STORED : REPLY_VERSION;
        return line === LINE_WORD ? DONE : MALFORMED;
      default:
        return line === LINE_WORD || line === LINE_STORED ? DONE : MALFORMED;
    }
  }
}

const DONE = 1;
const GOES_ON = 0;

/**
 * The first version whose meta commands are those of today. What came before it in 1.6 reads `ms` in another way, and what
 * belongs to a value as commands.
 */
export const META_VERSION: readonly number[] = [1, 6, 12];

/** Whether the server that answers `line` to `version` has meta commands: `VERSION 1.6.18`, perhaps with more behind it. */
function speaksMeta(line: string): boolean {
  const match = /^VERSION (\d+)\.(\d+)\.(\d+)/.exec(line);
  if (match === null) return false;
  for (let i = 0; i < META_VERSION.length; i++) {
    const difference = Number(match[i + 1]) - META_VERSION[i]!;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
