import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import {
  errorLineStatus,
  errorLineText,
  failureResponse,
  response,
  STATUS_EXISTS,
  STATUS_NOT_FOUND,
  STATUS_NOT_STORED,
  STATUS_OK,
  statusText,
  writeCas,
} from './binary-header.ts';
import { LineGatherer } from './line-gatherer.ts';
import { OP_ADD, OP_DECREMENT, OP_GAT, OP_GET, OP_INCREMENT, OP_REPLACE, OP_TOUCH, type Opcode } from './opcodes.ts';
import { FLAGS_BYTES, responseWriter } from './response-writer.ts';

const SPACE = 32;
const CODE_BYTES = 2;
const _CRLF_BYTES = 2;
const NUMBER_BYTES = 8;
const FLAG_CAS = 0x63; // c
const FLAG_CLIENT_FLAGS = 0x66; // f

const code = (letters: string): number => (letters.charCodeAt(0) << 8) | letters.charCodeAt(1);
const HD = code('HD');
const VA = code('VA');
const EN = code('EN');
const NF = code('NF');
const NS = code('NS');
const EX = code('EX');

const IN_LINE = 0;
const IN_DATA = 1;
const IN_NUMBER = 2;
const DONE = 3;

/** Answers one binary request from the reply to the meta command that it became. */
export class MetaReply implements ReplyTransform {
  private readonly opcode: number;
  private readonly request: Opcode;
  private readonly opaque: number;
  /** What the response gives back of the key; null: nothing. */
  private readonly key: Buffer | null;
  private readonly line = new LineGatherer();
  private state = IN_LINE;
  private dataLeft = 0;
  /** Of the line whose value is a number: its cas. */
  private cas = '';

  constructor(opcode: number, request: Opcode, opaque: number, key: Buffer | null) {
    this.opcode = opcode;
    this.request = request;
    this.opaque = opaque;
    this.key = key;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    responseWriter.begin(out);
    let at = start;
    while (at < end && this.state !== DONE) {
      if (this.state === IN_DATA) {
        const stop = Math.min(end, at + this.dataLeft);
        responseWriter.value(buf, at, stop);
        this.dataLeft -= stop - at;
        at = stop;
        // What follows is the end of the line.
        if (this.dataLeft === 0) this.state = DONE;
        continue;
      }
      const next = this.line.read(buf, at, end);
      if (next < 0) break;
      at = next;
      if (this.state === IN_NUMBER) this.number();
      else this.takeLine();
    }
    responseWriter.finish();
  }

  failure(reason: FailureReason): Buffer {
    return failureResponse(this.opcode, this.opaque, reason);
  }

  private takeLine(): void {
    const { buf, start, end } = this.line;
    this.state = DONE;
    const letters =
      end - start === CODE_BYTES || buf[start + CODE_BYTES] === SPACE ? (buf[start]! << 8) | buf[start + 1]! : 0;
    switch (letters) {
      case HD:
        if (this.request.kind === OP_TOUCH) this.item(0);
        else this.succeeded();
        return;
      case VA:
        this.value();
        return;
      case EN:
      case NF:
        this.notFound();
        return;
      case EX:
        this.error(STATUS_EXISTS);
        return;
      case NS:
        this.error(this.notStored());
        return;
      default: {
        const status = errorLineStatus(buf, start, end);
        responseWriter.response(response(this.opcode, this.opaque, status, errorLineText(buf, start, end, status)));
      }
    }
  }

  private value(): void {
    const { buf, start } = this.line;
    let at = start + CODE_BYTES + 1;
    let bytes = 0;
    while (at < this.line.end && buf[at] !== SPACE) bytes = bytes * 10 + buf[at++]! - 0x30;
    const { kind } = this.request;
    if (kind === OP_INCREMENT || kind === OP_DECREMENT) {
      const casAt = this.flagAt(FLAG_CAS);
      this.cas = casAt < 0 ? '' : buf.toString('latin1', casAt, this.tokenEnd(casAt));
      this.state = IN_NUMBER;
      return;
    }
    this.item(bytes);
    this.dataLeft = bytes;
    this.state = bytes > 0 ? IN_DATA : DONE;
  }

  /** All of the response for an item but its value. */
  private item(bytes: number): void {
    const { buf } = this.line;
    const keyBytes = this.key === null ? 0 : this.key.length;
    const to = responseWriter.header(this.opcode, this.opaque, STATUS_OK, keyBytes, FLAGS_BYTES, bytes);
    const flagsAt = this.flagAt(FLAG_CLIENT_FLAGS);
    if (flagsAt < 0) responseWriter.flags(to, buf, 0, 0);
    else responseWriter.flags(to, buf, flagsAt, this.tokenEnd(flagsAt));
    if (this.key !== null) responseWriter.key(to, FLAGS_BYTES, this.key, 0, keyBytes);
    this.writeCas(to);
  }

  private number(): void {
    const { buf, start, end } = this.line;
    if (this.request.isQuiet) {
      this.state = DONE;
      return;
    }
    const to = responseWriter.header(this.opcode, this.opaque, STATUS_OK, 0, 0, NUMBER_BYTES);
    const cas = Buffer.from(this.cas, 'latin1');
    writeCas(responseWriter.bytes, to, cas, 0, cas.length);
    const value = Buffer.allocUnsafe(NUMBER_BYTES);
    value.writeBigUInt64BE(BigInt.asUintN(64, BigInt(buf.toString('latin1', start, end))));
    responseWriter.value(value, 0, NUMBER_BYTES);
    this.state = DONE;
  }

  private succeeded(): void {
    if (this.request.isQuiet) return;
    this.writeCas(responseWriter.header(this.opcode, this.opaque, STATUS_OK, 0, 0, 0));
  }

  private notFound(): void {
    const { kind, isQuiet } = this.request;
    const isGet = kind === OP_GET || kind === OP_GAT;
    if (isGet && isQuiet) return;
    if (this.key === null) {
      this.error(STATUS_NOT_FOUND);
      return;
    }
    const to = responseWriter.header(this.opcode, this.opaque, STATUS_NOT_FOUND, this.key.length, 0, 0);
    responseWriter.key(to, 0, this.key, 0, this.key.length);
  }

  private notStored(): number {
    const { kind } = this.request;
    if (kind === OP_ADD) return STATUS_EXISTS;
    return kind === OP_REPLACE ? STATUS_NOT_FOUND : STATUS_NOT_STORED;
  }

  private error(status: number): void {
    responseWriter.response(response(this.opcode, this.opaque, status, statusText(status)));
  }

  private writeCas(to: number): void {
    const at = this.flagAt(FLAG_CAS);
    if (at >= 0) writeCas(responseWriter.bytes, to, this.line.buf, at, this.tokenEnd(at));
  }

  /** Where the token of a flag of the line begins, or -1. */
  private flagAt(letter: number): number {
    const { buf, start, end } = this.line;
    for (let at = start + CODE_BYTES; at < end; at++) if (buf[at] === SPACE && buf[at + 1] === letter) return at + 2;
    return -1;
  }

  private tokenEnd(start: number): number {
    const { buf, end } = this.line;
    let at = start;
    while (at < end && buf[at] !== SPACE) at++;
    return at;
  }
}
