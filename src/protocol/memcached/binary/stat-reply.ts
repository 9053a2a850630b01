import { RUN_FIELDS } from '../../../memory/runs.ts';
import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyOut } from '../../../request/request.ts';
import type { Coalescer } from '../../protocol.ts';
import type { ReplyTransform } from '../../reply-transform.ts';
import {
  BINARY_HEADER_BYTES,
  errorLineStatus,
  errorLineText,
  failureResponse,
  response,
  STATUS_OK,
  writeResponseHeader,
} from './binary-header.ts';

const STAT = 'STAT ';

/** Answers STAT: a response per statistic, after they were merged as those of text are, and an empty one. */
export class StatReply implements ReplyTransform, Coalescer {
  private readonly opcode: number;
  private readonly opaque: number;
  private readonly merged: Coalescer;

  constructor(opcode: number, opaque: number, merged: Coalescer) {
    this.opcode = opcode;
    this.opaque = opaque;
    this.merged = merged;
  }

  /** It goes to all servers, however few: its replies are merged. */
  piece(): void {}

  merge(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): void {
    const text = new MergedText();
    this.merged.merge(parts, owners, text);
    const lines = text.toString().split('\r\n');
    const last = lines.at(-2) ?? '';
    if (/^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)/.test(last)) {
      const line = Buffer.from(last, 'latin1');
      const status = errorLineStatus(line, 0, line.length);
      out.appendOwned(response(this.opcode, this.opaque, status, errorLineText(line, 0, line.length, status)));
      return;
    }
    const responses = lines.filter(line => line.startsWith(STAT)).map(line => this.statistic(line.slice(STAT.length)));
    out.appendOwned(Buffer.concat([...responses, response(this.opcode, this.opaque, STATUS_OK)]));
  }

  failure(reason: FailureReason): Buffer {
    return failureResponse(this.opcode, this.opaque, reason);
  }

  private statistic(line: string): Buffer {
    const nameEnd = line.indexOf(' ');
    const name = nameEnd < 0 ? line : line.slice(0, nameEnd);
    const value = nameEnd < 0 ? '' : line.slice(nameEnd + 1);
    const packet = Buffer.alloc(BINARY_HEADER_BYTES + name.length + value.length);
    const bodyBytes = name.length + value.length;
    writeResponseHeader(packet, 0, this.opcode, STATUS_OK, name.length, 0, bodyBytes, this.opaque);
    packet.write(name + value, BINARY_HEADER_BYTES, 'latin1');
    return packet;
  }
}

/** A merged reply as text. */
class MergedText implements ReplyOut {
  private text = '';

  append(buf: Buffer, start: number, end: number): void {
    this.text += buf.toString('latin1', start, end);
  }

  appendOwned(bytes: Buffer): void {
    this.text += bytes.toString('latin1');
  }

  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number): void {
    for (let at = 0; at < end; at += RUN_FIELDS) {
      this.append(buffers[runs[at]!]!, runs[at + 1]!, runs[at + 2]!);
    }
  }

  toString(): string {
    return this.text;
  }
}
