import { RUN_FIELDS } from '../../memory/runs.ts';
import type { ReplyTransform } from '../../protocol/reply-transform.ts';
import type { ReplyOut } from '../../request/request.ts';

/** A merged reply as one buffer, which a transform can look at; for replies that are few and small. */
export class MergedBytes implements ReplyOut {
  private readonly pieces: Buffer[] = [];

  append(buf: Buffer, start: number, end: number): void {
    this.pieces.push(Buffer.from(buf.subarray(start, end)));
  }

  appendOwned(bytes: Buffer): void {
    this.pieces.push(bytes);
  }

  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number): void {
    for (let at = 0; at < end; at += RUN_FIELDS) {
      this.append(buffers[runs[at] as number] as Buffer, runs[at + 1] as number, runs[at + 2] as number);
    }
  }

  transformTo(out: ReplyOut, transform: ReplyTransform): void {
    const whole = this.pieces.length === 1 ? (this.pieces[0] as Buffer) : Buffer.concat(this.pieces);
    transform.piece(whole, 0, whole.length, true, out);
  }
}
