// Finds the end of a reply in RESP2 or RESP3, jumping over payloads:
//
//   +OK\r\n  -ERR …\r\n        TYPE → LINE → END_LF                          also , double and ( big number
//   :42\r\n                    TYPE → NUMBER → NUMBER_LF
//   $5\r\nhello\r\n            TYPE → NUMBER → NUMBER_LF → PAYLOAD → END_CR → END_LF    also ! error and = verbatim
//   _\r\n  #t\r\n              TYPE → (TRUTH →) END_CR → END_LF                null and boolean
//   *2\r\n…  ~2\r\n…           TYPE → NUMBER → NUMBER_LF, and two values more to come
//   %2\r\n…  |2\r\n…           … and four: keys and values; what a | describes follows it as if it were not there
//
// Nesting needs no stack: an array is one value less and its length more to come. The reply ends when none is left.
//   >3\r\n…                   as an array, where a push may come: a server pushes only what a connection subscribed to
//
// Nonsense: > in a reply (whoever got it would get another's) and the streamed types, whose length is ?, which no Redis sends.
// Sources: the Redis serialization protocol specification, RESP3.
import { INCOMPLETE, MALFORMED, type ReplyScanner } from '../protocol.ts';
import {
  BANG,
  BAR,
  COLON,
  COMMA,
  CR,
  DOLLAR,
  EQUALS,
  GREATER,
  HASH,
  LF,
  MINUS,
  PAREN,
  PERCENT,
  PLUS,
  STAR,
  TILDE,
  UNDERSCORE,
  ZERO,
} from './resp.ts';

/** Longest status or error: scripts may return long ones. They pass through, so this bounds no memory. */
export const MAX_STATUS_BYTES = 64 * 1024 * 1024;
/** Largest bulk string and largest array: a server may have a proto-max-bulk-len above the default. */
export const MAX_REPLY_LENGTH = 2 ** 31 - 1;
/** Digits of a number, sign apart: an integer reply has 64 bits. */
export const MAX_REPLY_DIGITS = 19;

/** Of an error, so much is looked at. */
const CODE_MAX_BYTES = 16;
/**
 * A replica, where a master is meant; one without its master; one that reads its files. Another server may stand behind the
 * same name by now.
 */
const OUT_OF_SERVICE: ReadonlySet<string> = new Set(['READONLY', 'MASTERDOWN', 'LOADING']);

const TYPE = 0;
const LINE = 1;
const NUMBER = 2;
const NUMBER_LF = 3;
const PAYLOAD = 4;
const TRUTH = 5;
const END_CR = 6;
const END_LF = 7;

export class RedisReplyScanner implements ReplyScanner {
  isError = false;
  readonly highestReplyKind = Number.MAX_SAFE_INTEGER;
  private state = TYPE;
  /** Type byte of the value being read. */
  private type = 0;
  /** Values still to come, the one being read included. */
  private valuesLeft = 1;
  /** The reply is an array or the like, and we are in it. */
  private isInside = false;
  /** The number being read, without its sign. */
  private value = 0;
  private digits = 0;
  private isNegative = false;
  /** Bytes of the status line or payload: read so far, or still to come. */
  private lineBytes = 0;
  private payloadLeft = 0;
  private isInPush = false;
  /** The code of an error, as far as it was read: its first bytes up to a space. */
  private readonly code = Buffer.alloc(CODE_MAX_BYTES);
  private codeBytes = 0;
  /** Values that are null. */
  private nulls = 0;

  get missingBytes(): number {
    return this.state === PAYLOAD ? this.payloadLeft : 0;
  }

  begin(_replyKind: number): void {
    this.state = TYPE;
    this.valuesLeft = 1;
    this.isInside = false;
    this.isError = false;
    this.isInPush = false;
    this.codeBytes = 0;
    this.nulls = 0;
  }

  found(asked: number): number {
    return Math.max(0, asked - this.nulls);
  }

  isPush(firstByte: number): boolean {
    return firstByte === GREATER;
  }

  beginPush(): void {
    this.begin(0);
    this.isInPush = true;
  }

  get isOutOfService(): boolean {
    return this.isError && OUT_OF_SERVICE.has(this.code.toString('latin1', 0, this.codeBytes).split(/[ \r]/, 1)[0]!);
  }

  scan(buf: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      switch (this.state) {
        case TYPE: {
          at = this.readWholeValues(buf, at, end);
          if (this.valuesLeft === 0) return at;
          if (at < end && !this.beginValue(buf[at++]!)) return MALFORMED;
          break;
        }
        case LINE: {
          const found = buf.indexOf(CR, at);
          const stop = found < 0 || found >= end ? end : found + 1;
          if (this.isError && this.lineBytes < CODE_MAX_BYTES)
            this.codeBytes += buf.copy(this.code, this.lineBytes, at, stop);
          this.lineBytes += stop - at;
          if (this.lineBytes > MAX_STATUS_BYTES) return MALFORMED;
          if (stop === found + 1) this.state = END_LF;
          at = stop;
          break;
        }
        case NUMBER:
          at = this.readNumber(buf, at, end);
          if (at === MALFORMED) return MALFORMED;
          break;
        case NUMBER_LF:
          if (buf[at++] !== LF || !this.endNumber()) return MALFORMED;
          if (this.valuesLeft === 0) return at;
          break;
        case PAYLOAD: {
          const take = Math.min(this.payloadLeft, end - at);
          at += take;
          this.payloadLeft -= take;
          if (this.payloadLeft === 0) this.state = END_CR;
          break;
        }
        case TRUTH: {
          const byte = buf[at++];
          if (byte !== LETTER_T && byte !== LETTER_F) return MALFORMED;
          this.state = END_CR;
          break;
        }
        case END_CR:
          if (buf[at++] !== CR) return MALFORMED;
          this.state = END_LF;
          break;
        case END_LF:
          if (buf[at++] !== LF) return MALFORMED;
          if (this.endValue()) return at;
          break;
      }
    }
    return INCOMPLETE;
  }

  /** Jumps over the values that the fast path takes. Returns the position of the first that it does not. */
  private readWholeValues(buf: Buffer, start: number, end: number): number {
    let { valuesLeft } = this;
    let at = start;
    while (valuesLeft > 0) {
      const next = wholeValueEnd(buf, at, end);
      if (next === INCOMPLETE) break;
      if (next - at <= NULL_BULK_BYTES && isNull(buf, at)) this.nulls++;
      at = next;
      valuesLeft--;
    }
    this.valuesLeft = valuesLeft;
    return at;
  }

  private beginValue(type: number): boolean {
    this.type = type;
    switch (type) {
      case MINUS:
        this.isError = this.isWhole;
        return this.beginLine();
      case PLUS:
      case COMMA:
      case PAREN:
        return this.beginLine();
      case UNDERSCORE:
        this.nulls++;
        this.state = END_CR;
        return true;
      case HASH:
        this.state = TRUTH;
        return true;
      case BANG:
        this.isError = this.isWhole;
        return this.beginNumber();
      case COLON:
      case DOLLAR:
      case EQUALS:
      case STAR:
      case TILDE:
      case PERCENT:
      case BAR:
        return this.beginNumber();
      case GREATER:
        return this.isInPush && this.isWhole && this.beginNumber();
      default:
        return false;
    }
  }

  /** The value that begins is the reply itself, and no part of it. */
  private get isWhole(): boolean {
    return this.valuesLeft === 1 && !this.isInside;
  }

  private beginLine(): boolean {
    this.state = LINE;
    this.lineBytes = 0;
    return true;
  }

  private beginNumber(): boolean {
    this.state = NUMBER;
    this.value = 0;
    this.digits = 0;
    this.isNegative = false;
    return true;
  }

  /** Reads a sign and digits up to and with the CR. Returns where it stopped, or MALFORMED. */
  private readNumber(buf: Buffer, from: number, end: number): number {
    let { value, digits } = this;
    for (let at = from; at < end; at++) {
      const byte = buf[at]!;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        if (++digits > MAX_REPLY_DIGITS) return MALFORMED;
        value = value * 10 + digit;
      } else if (byte === CR && digits > 0) {
        this.value = value;
        this.state = NUMBER_LF;
        return at + 1;
      } else if (byte === MINUS && digits === 0 && !this.isNegative) this.isNegative = true;
      else return MALFORMED;
    }
    this.value = value;
    this.digits = digits;
    return end;
  }

  /** The line with the number has ended. False: no such length. */
  private endNumber(): boolean {
    const { type, value } = this;
    if (type === COLON) {
      this.endValue();
      return true;
    }
    if (this.isNegative) {
      this.nulls++;
      this.endValue();
      // RESP2's null.
      return value === 1 && (type === DOLLAR || type === STAR);
    }
    if (value > MAX_REPLY_LENGTH) return false;
    switch (type) {
      case STAR:
      case TILDE:
      case GREATER:
        this.expect(value);
        this.endValue();
        return true;
      case PERCENT:
        this.expect(value * 2);
        this.endValue();
        return true;
      case BAR:
        // What it describes is still to come.
        this.valuesLeft += value * 2;
        this.state = TYPE;
        return true;
      default:
        this.payloadLeft = value;
        this.state = value === 0 ? END_CR : PAYLOAD;
        return true;
    }
  }

  /** So many values more belong to the one whose header was read. */
  private expect(values: number): void {
    if (this.valuesLeft === 1) this.isInside = true;
    this.valuesLeft += values;
  }

  /** A value is complete. True: it was the last. */
  private endValue(): boolean {
    this.state = TYPE;
    return --this.valuesLeft === 0;
  }
}

/**
 * The fast path: end of the short status, integer, double, null or bulk string that begins at `start` and is wholly in the buffer.
 * INCOMPLETE when it is something else, broken or not whole: the states then read it from its start.
 */
function wholeValueEnd(buf: Buffer, start: number, end: number): number {
  const stop = Math.min(end, start + FAST_BYTES);
  let at = start + 1;
  if (at >= stop) return INCOMPLETE;
  const type = buf[start]!;
  if (type === DOLLAR) {
    let length = 0;
    for (; at < stop; at++) {
      const digit = buf[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const digits = at - start - 1;
    if (digits === 0) return isNullBulk(buf, start, end) ? start + NULL_BULK_BYTES : INCOMPLETE;
    const next = at + 2 + length;
    const isWhole = digits <= FAST_DIGITS && next + 2 <= end;
    if (isWhole && buf[at] === CR && buf[at + 1] === LF && buf[next] === CR && buf[next + 1] === LF) return next + 2;
    return INCOMPLETE;
  }
  if (type === PLUS || type === COMMA) while (at < stop && buf[at] !== CR) at++;
  else if (type === COLON) {
    while (at < stop && buf[at]! >= ZERO && buf[at]! <= ZERO + 9) at++;
    if (at === start + 1 || at - start - 1 > MAX_REPLY_DIGITS) return INCOMPLETE;
  } else if (type !== UNDERSCORE) return INCOMPLETE;
  return at + 1 < stop && buf[at] === CR && buf[at + 1] === LF ? at + 2 : INCOMPLETE;
}

/** The whole value at `start` is `$-1` or `_`. */
function isNull(buf: Buffer, start: number): boolean {
  return buf[start] === UNDERSCORE || (buf[start] === DOLLAR && buf[start + 1] === MINUS);
}

function isNullBulk(buf: Buffer, start: number, end: number): boolean {
  return (
    start + NULL_BULK_BYTES <= end &&
    buf[start + 1] === MINUS &&
    buf[start + 2] === ZERO + 1 &&
    buf[start + 3] === CR &&
    buf[start + 4] === LF
  );
}

const LETTER_F = 102;
const LETTER_T = 116;
/** The fast path looks for the end of a line no further. */
const FAST_BYTES = 64;
/** Digits of a length that the fast path takes: 999,999,999 is an int32. */
const FAST_DIGITS = 9;
/** Length of `$-1\r\n`. */
const NULL_BULK_BYTES = 5;
