import { RUN_FIELDS } from '../../src/memory/runs.ts';
import type { ReplyOut } from '../../src/request/request.ts';

/** Keeps what is written to it. */
export class ReplyCollector implements ReplyOut {
  readonly pieces: Buffer[] = [];
  /** Of these, what was handed over without a copy. */
  readonly owned: Buffer[] = [];

  append(buf: Buffer, start: number, end: number): void {
    this.pieces.push(Buffer.from(buf.subarray(start, end)));
  }

  appendOwned(bytes: Buffer): void {
    this.pieces.push(bytes);
    this.owned.push(bytes);
  }

  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number, size: number): void {
    const before = this.bytes.length;
    for (let i = 0; i < end; i += RUN_FIELDS) this.append(buffers[runs[i]!]!, runs[i + 1]!, runs[i + 2]!);
    if (this.bytes.length !== before + size)
      throw new Error(`runs of ${this.bytes.length - before} bytes, not ${size}`);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  text(): string {
    return this.bytes.toString('latin1');
  }
}
