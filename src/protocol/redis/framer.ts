// Finds the end of a request that arrives in pieces. The states follow the bytes of
//
//   *3\r\n  $3\r\nSET\r\n  …          first byte '*':  COUNT → COUNT_LF → (DOLLAR → LENGTH → LENGTH_LF → PAYLOAD)*
//   SET k v\r\n                       any other:       INLINE
//
// Payloads are jumped over. A line that cannot be right is followed to its end (BAD_LINE → BAD_LF) or to the longest line
// accepted, and the request ends there: RequestParser.parse finds the same fault and words it.

import type { ParserOptions } from '../parser-options.ts';
import { type Framer, INCOMPLETE } from '../protocol.ts';
import {
  CR,
  DOLLAR,
  LF,
  MAX_ARGUMENTS,
  MAX_ARGUMENTS_BEFORE_AUTH,
  MAX_BULK_BYTES,
  MAX_BULK_BYTES_BEFORE_AUTH,
  MAX_LINE_BYTES,
  STAR,
  ZERO,
} from './resp.ts';
import type { RedisSession } from './session.ts';

const FIRST = 0;
const COUNT = 1;
const COUNT_LF = 2;
const DOLLAR_SIGN = 3;
const LENGTH = 4;
const LENGTH_LF = 5;
const PAYLOAD = 6;
const INLINE = 7;
const BAD_LINE = 8;
const BAD_LF = 9;

export class RedisFramer implements Framer {
  private readonly session: RedisSession | undefined;
  private readonly hasPassword: boolean;
  private readonly maxRequestBytes: number;
  private state = FIRST;
  /** Value of the number being read. */
  private value = 0;
  /** Digits of it so far. */
  private digits = 0;
  /** Bytes of the current line so far, its first one included. */
  private lineBytes = 0;
  /** Arguments still to come. */
  private argumentsLeft = 0;
  /** Bytes of the payload and its CRLF still to come. */
  private payloadLeft = 0;
  /** Bytes of the request before those that `scan` was given. */
  private bytesBefore = 0;

  constructor(options: ParserOptions, session: RedisSession | undefined) {
    this.session = session;
    this.hasPassword = options.password !== null || options.accounts != null;
    this.maxRequestBytes = options.maxRequestBytes;
  }

  get missingBytes(): number {
    return this.state === PAYLOAD ? this.payloadLeft : 0;
  }

  reset(): void {
    this.state = FIRST;
    this.lineBytes = 0;
    this.bytesBefore = 0;
  }

  scan(buf: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      switch (this.state) {
        case PAYLOAD: {
          const take = Math.min(this.payloadLeft, end - at);
          at += take;
          this.payloadLeft -= take;
          if (this.payloadLeft > 0) break;
          if (--this.argumentsLeft === 0) return at;
          this.beginLine(DOLLAR_SIGN);
          break;
        }
        case FIRST:
          if (buf[at] === STAR) {
            this.beginNumber(COUNT);
            at++;
          } else this.state = INLINE;
          break;
        case DOLLAR_SIGN:
          if (buf[at] === DOLLAR) {
            this.beginNumber(LENGTH);
            at++;
          } else this.state = BAD_LINE;
          break;
        case COUNT:
        case LENGTH:
          at = this.readNumber(buf, at, end);
          break;
        case COUNT_LF:
          at++;
          if (this.isLastLine(MAX_ARGUMENTS_BEFORE_AUTH)) return at;
          this.argumentsLeft = this.value;
          this.beginLine(DOLLAR_SIGN);
          break;
        case LENGTH_LF:
          at++;
          this.payloadLeft = this.value + 2;
          if (this.isLastLine(MAX_BULK_BYTES_BEFORE_AUTH)) return at;
          if (this.bytesBefore + (at - start) + this.payloadLeft > this.maxRequestBytes) return at;
          this.state = PAYLOAD;
          break;
        case INLINE:
          at = this.skipLine(buf, at, end, LF);
          if (buf[at - 1] === LF || this.lineBytes > MAX_LINE_BYTES) return at;
          break;
        case BAD_LINE:
          at = this.skipLine(buf, at, end, CR);
          if (this.lineBytes > MAX_LINE_BYTES && buf[at - 1] !== CR) return at;
          if (buf[at - 1] === CR) this.state = BAD_LF;
          break;
        case BAD_LF:
          return at + 1;
      }
    }
    this.bytesBefore += end - start;
    return INCOMPLETE;
  }

  private beginLine(state: number): void {
    this.state = state;
    this.lineBytes = 0;
  }

  private beginNumber(state: number): void {
    this.state = state;
    this.lineBytes = 1;
    this.value = 0;
    this.digits = 0;
  }

  /** Reads digits up to the line's CR; where something else comes, the line is a bad one. Returns where it stopped. */
  private readNumber(buf: Buffer, from: number, end: number): number {
    const isCount = this.state === COUNT;
    const limit = isCount ? MAX_ARGUMENTS : MAX_BULK_BYTES;
    let at = from;
    for (; at < end; at++) {
      const digit = buf[at]! - ZERO;
      if (digit < 0 || digit > 9 || this.value > limit || (this.digits === 1 && this.value === 0)) break;
      this.value = this.value * 10 + digit;
      this.digits++;
    }
    this.lineBytes += at - from;
    if (at === end) return at;
    const isWhole = buf[at] === CR && this.digits > 0 && this.value <= limit;
    if (!isWhole) {
      this.state = BAD_LINE;
      return at;
    }
    this.lineBytes++;
    this.state = isCount ? COUNT_LF : LENGTH_LF;
    return at + 1;
  }

  /** Goes to after the next `ending`, to `end`, or to where the line is too long. */
  private skipLine(buf: Buffer, from: number, end: number, ending: number): number {
    const found = buf.indexOf(ending, from);
    const stop = found < 0 || found >= end ? end : found + 1;
    const limit = from + MAX_LINE_BYTES + 1 - this.lineBytes;
    const at = Math.min(stop, limit);
    this.lineBytes += at - from;
    return at;
  }

  /** With this count or length the request ends: `*0`, or more than a client may announce before AUTH. */
  private isLastLine(limitBeforeAuth: number): boolean {
    if (this.hasPassword && this.session?.isAuthenticated === false && this.value > limitBeforeAuth) return true;
    return this.state === COUNT_LF && this.value === 0;
  }
}
