import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyOut } from '../../../request/request.ts';
import type { Coalescer } from '../../protocol.ts';
import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { firstError } from '../first-line-coalescer.ts';
import { errorLineStatus, errorLineText, failureResponse, response, STATUS_OK } from './binary-header.ts';
import { LineGatherer } from './line-gatherer.ts';

const CRLF_BYTES = 2;
const NO_BYTES = Buffer.alloc(0);
const VERSION = 'VERSION ';

/** Answers a binary request for which servers have one line of text: flush, verbosity and version. */
export class LineReply implements ReplyTransform, Coalescer {
  private readonly opcode: number;
  private readonly opaque: number;
  private readonly isQuiet: boolean;
  private readonly line = new LineGatherer();

  constructor(opcode: number, opaque: number, isQuiet: boolean) {
    this.opcode = opcode;
    this.opaque = opaque;
    this.isQuiet = isQuiet;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    if (this.line.read(buf, start, end) < 0) return;
    const words = this.words(this.line.buf, this.line.start, this.line.end);
    out.append(words, 0, words.length);
  }

  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const line = firstError(parts) ?? parts[0]!;
    out.appendOwned(this.words(line, 0, line.length - CRLF_BYTES));
  }

  failure(reason: FailureReason): Buffer {
    return failureResponse(this.opcode, this.opaque, reason);
  }

  /** The response to the line `buf[start, end)`. */
  private words(buf: Buffer, start: number, end: number): Buffer {
    const text = buf.toString('latin1', start, end);
    if (text.startsWith(VERSION)) return response(this.opcode, this.opaque, STATUS_OK, text.slice(VERSION.length));
    if (text === 'OK') return this.isQuiet ? NO_BYTES : response(this.opcode, this.opaque, STATUS_OK);
    const status = errorLineStatus(buf, start, end);
    return response(this.opcode, this.opaque, status, errorLineText(buf, start, end, status));
  }
}
