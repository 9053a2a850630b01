import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyOut } from '../../../request/request.ts';
import type { Coalescer } from '../../protocol.ts';
import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { failureReply } from '../replies.ts';
import { valueBlockEnd } from '../reply-line.ts';
import type { AskedGets } from './asked-gets.ts';
import {
  errorLineStatus,
  errorLineText,
  failureResponse,
  response,
  STATUS_INTERNAL_ERROR,
  STATUS_NOT_FOUND,
  STATUS_OK,
  statusText,
  writeCas,
} from './binary-header.ts';
import { LineGatherer } from './line-gatherer.ts';
import { FLAGS_BYTES, responseWriter } from './response-writer.ts';

const LF = 10;
const SPACE = 32;
const V = 0x56;
const E = 0x45;
const KEY_AT = 'VALUE '.length;
const CRLF_BYTES = 2;
const END_TEXT = 'END\r\n';

const IN_LINE = 0;
const IN_DATA = 1;
const AFTER_DATA = 2;
const IN_GARBAGE = 3;

/**
 * Answers binary gets from the reply to `gets` of their keys: values in the order of the keys, misses left out.
 *
 *   asked   a b c      VALUE a … VALUE c … END      responses   a: value, b: not found or silence, c: value
 *
 * One server's reply is taken as it comes; those of several when all are there, and then a part that is no reply fails the
 * gets of its keys alone.
 */
export class ValuesReply implements ReplyTransform, Coalescer {
  private readonly asked: AskedGets;
  private readonly prefix: Buffer;
  /** What is answered next. */
  private entry = 0;
  private state = IN_LINE;
  private dataLeft = 0;
  private readonly line = new LineGatherer();

  /** `prefix`: what servers say before each key. */
  constructor(asked: AskedGets, prefix: Buffer) {
    this.asked = asked;
    this.prefix = prefix;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    responseWriter.begin(out);
    let at = start;
    while (at < end) {
      if (this.state === IN_LINE) {
        const next = this.line.read(buf, at, end);
        if (next < 0) break;
        this.takeLine();
        at = next;
      } else if (this.state === IN_GARBAGE) {
        break;
      } else {
        const stop = Math.min(end, at + this.dataLeft);
        if (this.state === IN_DATA) responseWriter.value(buf, at, stop);
        this.dataLeft -= stop - at;
        at = stop;
        if (this.dataLeft === 0) this.dataEnded();
      }
    }
    responseWriter.finish();
  }

  failure(reason: FailureReason): Buffer {
    const { asked } = this;
    const responses: Buffer[] = [];
    for (let entry = this.entry; entry < asked.end; entry = asked.next(entry)) {
      responses.push(failureResponse(asked.opcode(entry), asked.opaque(entry), reason));
    }
    return Buffer.concat(responses);
  }

  failedPart(reason: FailureReason): Buffer {
    return failureReply(reason);
  }

  merge(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): void {
    responseWriter.begin(out);
    const { asked } = this;
    const blocks = this.locate(parts, owners);
    let entry = asked.first;
    for (let i = 0; i < owners.length; i++) {
      const part = parts[owners[i]!]!;
      if (blocks === null)
        this.error(entry, STATUS_INTERNAL_ERROR, 'a server answered with a key that it was not asked for');
      else if (blocks[i]! >= 0) this.block(entry, part, blocks[i]!);
      else this.noBlock(entry, part);
      entry = asked.next(entry);
    }
    responseWriter.finish();
  }

  /** Where in its part the block of each key begins, or -1; null when a part has a block of no key. */
  private locate(parts: readonly Buffer[], owners: Int32Array): Int32Array | null {
    const { asked } = this;
    const cursors = new Int32Array(parts.length);
    const blocks = new Int32Array(owners.length).fill(-1);
    let entry = asked.first;
    for (let i = 0; i < owners.length; i++) {
      const p = owners[i]!;
      const part = parts[p]!;
      const at = cursors[p]!;
      if (part[at] === V) {
        const keyEnd = part.indexOf(SPACE, at + KEY_AT);
        if (this.isKey(entry, part, at + KEY_AT, keyEnd)) {
          blocks[i] = at;
          cursors[p] = valueBlockEnd(part, keyEnd, part.length);
        }
      }
      entry = asked.next(entry);
    }
    for (let p = 0; p < parts.length; p++) if (parts[p]![cursors[p]!] === V) return null;
    return blocks;
  }

  private block(entry: number, part: Buffer, start: number): void {
    const lineEnd = part.indexOf(LF, start) - 1;
    const bytes = this.hit(entry, part, start, lineEnd);
    const dataStart = lineEnd + CRLF_BYTES;
    responseWriter.value(part, dataStart, dataStart + bytes);
  }

  /** A miss, or the part's error, which is its last line. */
  private noBlock(entry: number, part: Buffer): void {
    const textEnd = part.length - CRLF_BYTES;
    const lineStart = part.lastIndexOf(LF, textEnd) + 1;
    if (part.toString('latin1', lineStart) === END_TEXT) this.miss(entry);
    else this.errorLine(entry, part, lineStart, textEnd);
  }

  private takeLine(): void {
    const { asked, line } = this;
    const { buf, start, end } = line;
    if (buf[start] === V) {
      const keyEnd = buf.indexOf(SPACE, start + KEY_AT);
      const found = this.find(buf, start + KEY_AT, keyEnd);
      if (found < 0) {
        this.failRest(STATUS_INTERNAL_ERROR, 'a server answered with a key that it was not asked for');
        return;
      }
      for (; this.entry < found; this.entry = asked.next(this.entry)) this.miss(this.entry);
      this.dataLeft = this.hit(found, buf, start, end);
      this.state = IN_DATA;
      this.entry = asked.next(found);
      if (this.dataLeft === 0) this.dataEnded();
      return;
    }
    const isEnd = end - start === 3 && buf[start] === E && buf[start + 1] === 0x4e;
    for (; this.entry < asked.end; this.entry = asked.next(this.entry)) {
      if (isEnd) this.miss(this.entry);
      else this.errorLine(this.entry, buf, start, end);
    }
  }

  private dataEnded(): void {
    if (this.state === IN_DATA) {
      this.state = AFTER_DATA;
      this.dataLeft = CRLF_BYTES;
    } else {
      this.state = IN_LINE;
    }
  }

  /** The first entry not answered that asks for this key, or -1. */
  private find(buf: Buffer, start: number, end: number): number {
    const { asked } = this;
    for (let entry = this.entry; entry < asked.end; entry = asked.next(entry)) {
      if (this.isKey(entry, buf, start, end)) return entry;
    }
    return -1;
  }

  /** The entry asks for the key that servers call `buf[start, end)`. */
  private isKey(entry: number, buf: Buffer, start: number, end: number): boolean {
    const { asked, prefix } = this;
    const own = start + prefix.length;
    if (prefix.length > 0 && (own > end || buf.compare(prefix, 0, prefix.length, start, own) !== 0)) return false;
    return asked.hasKey(entry, buf, own, end);
  }

  /** Writes all but the value for the line `VALUE <key> <flags> <bytes> <cas>`; returns the length of the value. */
  private hit(entry: number, buf: Buffer, start: number, end: number): number {
    const { asked } = this;
    const flagsStart = buf.indexOf(SPACE, start + KEY_AT) + 1;
    let at = flagsStart;
    while (buf[at] !== SPACE) at++;
    const flagsEnd = at++;
    let bytes = 0;
    while (at < end && buf[at] !== SPACE) bytes = bytes * 10 + buf[at++]! - 0x30;
    const keyStart = asked.keyStart(entry);
    const keyBytes = asked.returnsKey(entry) ? asked.keyEnd(entry) - keyStart : 0;
    const opaque = asked.opaque(entry);
    const to = responseWriter.header(asked.opcode(entry), opaque, STATUS_OK, keyBytes, FLAGS_BYTES, bytes);
    responseWriter.flags(to, buf, flagsStart, flagsEnd);
    if (keyBytes > 0) responseWriter.key(to, FLAGS_BYTES, asked.bytes, keyStart, keyStart + keyBytes);
    if (at < end) writeCas(responseWriter.bytes, to, buf, at + 1, end);
    return bytes;
  }

  private miss(entry: number): void {
    const { asked } = this;
    if (asked.isQuiet(entry)) return;
    if (!asked.returnsKey(entry)) {
      this.error(entry, STATUS_NOT_FOUND, statusText(STATUS_NOT_FOUND));
      return;
    }
    const keyStart = asked.keyStart(entry);
    const keyBytes = asked.keyEnd(entry) - keyStart;
    const to = responseWriter.header(asked.opcode(entry), asked.opaque(entry), STATUS_NOT_FOUND, keyBytes, 0, 0);
    responseWriter.key(to, 0, asked.bytes, keyStart, keyStart + keyBytes);
  }

  private errorLine(entry: number, buf: Buffer, start: number, end: number): void {
    const status = errorLineStatus(buf, start, end);
    this.error(entry, status, errorLineText(buf, start, end, status));
  }

  private error(entry: number, status: number, text: string): void {
    responseWriter.response(response(this.asked.opcode(entry), this.asked.opaque(entry), status, text));
  }

  private failRest(status: number, text: string): void {
    const { asked } = this;
    for (; this.entry < asked.end; this.entry = asked.next(this.entry)) this.error(this.entry, status, text);
    this.state = IN_GARBAGE;
  }
}
