// Reads a request in one pass over its headers, jumping over the payloads:
//
//   *3\r\n $3\r\nSET\r\n $5\r\nhello\r\n $5\r\nworld\r\n
//   └count └─────── offsets of the arguments ────────┘   → command table → arity, AUTH → route and key ranges
//
// It takes what Redis takes and refuses what Redis refuses, in its words (networking.c, server.c); like Redis it does not
// look at the two bytes after a payload. One request at a time: all fields are overwritten by the next.

import { WholeParts } from '../../request/whole-parts.ts';
import type { ParserOptions } from '../parser-options.ts';
import { INCOMPLETE, type RequestParser, type Session } from '../protocol.ts';
import type { Remedy } from '../remedy.ts';
import { FLAG_WRITES, HOLD_NONE, HOLD_OPEN, HOLD_QUEUE, HOLD_RUN, type Hold, ROUTE_PRIVATE } from '../routes.ts';
import { UNKNOWN_COMMAND_NAME } from './commands/command-table.ts';
import { rewriteInline } from './inline-request.ts';
import { KeyRanges } from './request-args.ts';
import * as errors from './request-errors.ts';
import { RequestRouting } from './request-routing.ts';
import {
  CR,
  DOLLAR,
  EMPTY,
  LF,
  MAX_ARGUMENTS,
  MAX_ARGUMENTS_BEFORE_AUTH,
  MAX_BULK_BYTES,
  MAX_BULK_BYTES_BEFORE_AUTH,
  MAX_LINE_BYTES,
  MINUS,
  STAR,
  ZERO,
} from './resp.ts';
import { REPLIES_ON, REPLIES_SKIP, type RedisSession } from './session.ts';
import { SeveralRemedies } from './several-remedies.ts';
export class RedisRequestParser extends RequestRouting implements RequestParser {
  private readonly maxRequestBytes: number;
  wholeBytes: Buffer | null = null;
  readonly wholeParts = new WholeParts();
  /** Of `wholeTransaction`. */
  private readonly wholeKeys = new KeyRanges();

  constructor(options: ParserOptions, before?: RequestParser) {
    super(options, before);
    this.maxRequestBytes = options.maxRequestBytes;
  }

  parse(session: Session, buf: Buffer, start: number, end: number): number {
    if (this.rewritten !== null) this.forgetRewritten();
    this.transform = null;
    this.remedy = null;
    this.variants = null;
    this.closesClient = false;
    this.keys.count = 0;
    if (start >= end) return INCOMPLETE;
    if (buf[start] !== STAR) return this.parseInline(session as RedisSession, buf, start, end);

    let at = start + 1;
    let count = 0;
    for (; ; at++) {
      if (at >= end) return this.partialLine(start, end, errors.COUNT_LINE_TOO_LONG);
      const digit = buf[at]! - ZERO;
      if (digit >= 0 && digit <= 9 && count <= MAX_ARGUMENTS) count = count * 10 + digit;
      else break;
    }
    if (
      buf[at] !== CR ||
      count === 0 ||
      count > MAX_ARGUMENTS ||
      (count < 10 ? at !== start + 2 : buf[start + 1] === ZERO)
    ) {
      return this.oddCount(buf, start, end);
    }
    at += 2;
    if (at > end) return INCOMPLETE;
    const isLocked = this.hasPassword && !(session as RedisSession).isAuthenticated;
    if (isLocked && count > MAX_ARGUMENTS_BEFORE_AUTH) return this.refuse(errors.COUNT_BEFORE_AUTH, end);

    const { args } = this;
    args.firstHeader = at;
    let { starts, ends } = args;
    const limit = start + this.maxRequestBytes;
    const stop = limit < end ? limit : end;
    for (let i = 0; i < count; i++) {
      if (at >= end) return INCOMPLETE;
      const line = at;
      if (buf[line] !== DOLLAR) return this.badLength(buf, line, end);
      let length = 0;
      for (at++; ; at++) {
        if (at >= end) return this.partialLine(line, end, errors.LENGTH_LINE_TOO_LONG);
        const digit = buf[at]! - ZERO;
        if (digit >= 0 && digit <= 9 && length <= MAX_BULK_BYTES) length = length * 10 + digit;
        else break;
      }
      if (buf[at] !== CR || length > MAX_BULK_BYTES || (length < 10 ? at !== line + 2 : buf[line + 1] === ZERO)) {
        return this.badLength(buf, line, end);
      }
      at += 2;
      if (at > end) return INCOMPLETE;
      if (isLocked && length > MAX_BULK_BYTES_BEFORE_AUTH) return this.refuse(errors.LENGTH_BEFORE_AUTH, end);
      if (i === starts.length) {
        args.grow();
        starts = args.starts;
        ends = args.ends;
      }
      starts[i] = at;
      at += length;
      ends[i] = at;
      at += 2;
      if (at > stop) return at > limit ? this.refuse(errors.TOO_LARGE, end) : INCOMPLETE;
    }
    args.buf = buf;
    args.count = count;
    this.dispatch(session as RedisSession, buf);
    return at;
  }

  isOpenTo(session: Session): boolean {
    return !this.hasPassword || (session as RedisSession).isAuthenticated;
  }

  hasPasswordOf(other: RequestParser): boolean {
    return other instanceof RedisRequestParser && this.local.authentication.isAlike(other.local.authentication);
  }

  wholeTransaction(session: Session, buf: Buffer, start: number, end: number): number {
    const { wholeKeys, wholeParts, keys } = this;
    const own = session as RedisSession;
    // Its first request was just parsed, and will be again.
    const isSkipped = this.isNoreply && own.replyMode === REPLIES_ON;
    wholeKeys.count = 0;
    wholeParts.clear();
    own.isInTransaction = false;
    this.isLookingAhead = true;
    let count = 0;
    let position = start;
    let hold: Hold = HOLD_NONE;
    const remedies: Remedy[] = [];
    // Under a key prefix they are written anew, one after the other.
    const pieces: Buffer[] = [];
    let size = 0;
    while (!own.isWatching && hold !== HOLD_RUN && count < MAX_WHOLE_REQUESTS) {
      const stop = this.parse(session, buf, position, end);
      const isPart =
        stop !== INCOMPLETE && this.route === ROUTE_PRIVATE && !this.hasOtherBytes && this.variants === null;
      hold = isPart ? this.hold : HOLD_NONE;
      if (hold !== (count === 0 ? HOLD_OPEN : HOLD_QUEUE) && hold !== HOLD_RUN) break;
      const shift = this.keyPrefix === null ? 0 : size - (this.rewritten === null ? position : 0);
      for (let i = 0; i < keys.count; i++) wholeKeys.add(keys.starts[i]! + shift, keys.ends[i]! + shift);
      if (this.keyPrefix !== null) {
        const { rewritten, rewrittenEnd } = this;
        const piece =
          rewritten === null ? buf.subarray(position, stop) : Buffer.from(rewritten.subarray(0, rewrittenEnd));
        pieces.push(piece);
        size += piece.length;
      }
      if (this.remedy?.isGivenAhead) remedies.push(this.remedy);
      wholeParts.add(this.command, stop - position, keys.count);
      position = stop;
      count++;
    }
    this.isLookingAhead = false;
    if (isSkipped) own.replyMode = REPLIES_SKIP;
    own.isInTransaction = false;
    keys.count = 0;
    this.wholeBytes = null;
    if (hold !== HOLD_RUN || Math.max(position - start, size) > MAX_WHOLE_BYTES) return 0;
    if (size > 0) this.wholeBytes = Buffer.concat(pieces, size);
    for (let i = 0; i < wholeKeys.count; i++) keys.add(wholeKeys.starts[i]!, wholeKeys.ends[i]!);
    this.flags = FLAG_WRITES;
    this.remedy = remedies.length === 0 ? null : new SeveralRemedies(remedies);
    return count;
  }

  /** Something stands in its place: an inline command's array, or what the server has for what is answered here. */
  private get hasOtherBytes(): boolean {
    return this.rewritten !== null && (this.keyPrefix === null || this.rewrittenBlock === null);
  }

  private parseInline(session: RedisSession, buf: Buffer, start: number, end: number): number {
    const limit = start + MAX_LINE_BYTES;
    const found = buf.indexOf(LF, start);
    const newline = found < 0 || found >= end ? -1 : found;
    if (newline < 0 ? end > limit : newline > limit) return this.refuse(errors.INLINE_TOO_LONG, end);
    if ((newline < 0 ? end : newline + 1) - start > this.maxRequestBytes) return this.refuse(errors.TOO_LARGE, end);
    if (newline < 0) return INCOMPLETE;
    const lineEnd = newline > start && buf[newline - 1] === CR ? newline - 1 : newline;
    const rewritten = rewriteInline(buf, start, lineEnd);
    if (rewritten === null) return this.refuse(errors.UNBALANCED_QUOTES, end);
    if (rewritten.length === 0) {
      this.answer(UNKNOWN_COMMAND_NAME, EMPTY);
      return newline + 1;
    }
    this.args.locate(rewritten);
    this.rewritten = rewritten;
    this.rewrittenEnd = rewritten.length;
    this.dispatch(session, rewritten);
    return this.closesClient && this.reply === EMPTY ? end : newline + 1;
  }

  /** The client cannot be understood any further: nothing of what it sent after this is read. */
  private refuse(reply: Buffer, end: number): number {
    this.answer(UNKNOWN_COMMAND_NAME, reply);
    this.closesClient = true;
    return end;
  }

  /** The line that begins at `line` has no end yet. */
  private partialLine(line: number, end: number, tooLong: Buffer): number {
    return end - line > MAX_LINE_BYTES ? this.refuse(tooLong, end) : INCOMPLETE;
  }

  /** A count that is not between 1 and the limit: `*0` and `*-1` are requests without reply, all else is an error. */
  private oddCount(buf: Buffer, start: number, end: number): number {
    const cr = lineEnd(buf, start, end);
    if (cr - start > MAX_LINE_BYTES) return this.refuse(errors.COUNT_LINE_TOO_LONG, end);
    if (cr + 1 >= end) return INCOMPLETE;
    const isNegative = buf[start + 1] === MINUS;
    const digits = start + (isNegative ? 2 : 1);
    if (!isNothing(buf, digits, cr, isNegative)) return this.refuse(errors.INVALID_COUNT, end);
    this.answer(UNKNOWN_COMMAND_NAME, EMPTY);
    return cr + 2;
  }

  private badLength(buf: Buffer, line: number, end: number): number {
    const cr = lineEnd(buf, line, end);
    if (cr - line > MAX_LINE_BYTES) return this.refuse(errors.LENGTH_LINE_TOO_LONG, end);
    if (cr + 1 >= end) return INCOMPLETE;
    return this.refuse(buf[line] === DOLLAR ? errors.INVALID_LENGTH : errors.expectedDollar(buf[line]!), end);
  }
}

/** Where the line's CR is; `end` when it is still to come. */
function lineEnd(buf: Buffer, line: number, end: number): number {
  const cr = buf.indexOf(CR, line);
  return cr < 0 || cr > end ? end : cr;
}

/** `buf[at, end)` is the 0 of `*0` or the digits of `*-1`, spelt as Redis's string2ll wants them. */
function isNothing(buf: Buffer, at: number, end: number, isNegative: boolean): boolean {
  if (!isNegative) return end - at === 1 && buf[at] === ZERO;
  if (at === end || end - at > MAX_LONG_DIGITS || buf[at] === ZERO) return false;
  for (let i = at; i < end; i++) if (buf[i]! < ZERO || buf[i]! > ZERO + 9) return false;
  return true;
}

const MAX_LONG_DIGITS = 18;
/** A transaction of more goes over a connection of its client's own. */
const MAX_WHOLE_REQUESTS = 512;
const MAX_WHOLE_BYTES = 256 * 1024;
