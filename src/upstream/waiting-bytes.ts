import { BLOCK_MIN_BYTES, type Block, COPY_LIMIT_BYTES, takeBlock } from '../memory/block.ts';
import { Fifo } from '../memory/fifo.ts';
import type { RequestBytes, RequestOut } from '../request/request-bytes.ts';

/** One large request, kept as it is; or a block that small ones are copied into: of it `[start, end)` waits. */
interface Part {
  readonly kept: RequestBytes | null;
  readonly block: Block | null;
  start: number;
  end: number;
}

/**
 * The bytes of requests that wait, in their order. Small ones are copied into blocks one behind the other: an object for each would be
 * work for the collector of garbage, which stops the worker for longer than a neighbour waits for its turn.
 *
 *   push ─▶ small: copied behind the last ─▶ [ block ] [ block ] ─┐
 *     └───▶ large: kept as it is ──────────▶ [ request ] ─────────┴─▶ shift, a request at a time
 */
export class WaitingBytes implements RequestOut {
  /** Of the blocks and the large requests. */
  heldBytes = 0;
  private readonly parts = new Fifo<Part>();
  /** The last part, if it is a block with room for more. */
  private open: Part | null = null;

  push(bytes: RequestBytes): void {
    const { sizeBytes } = bytes;
    if (sizeBytes > COPY_LIMIT_BYTES) {
      const kept = bytes.keep();
      this.heldBytes += kept.heldBytes;
      this.parts.push({ kept, block: null, start: 0, end: 0 });
      this.open = null;
      return;
    }
    if (this.open === null || this.open.end + sizeBytes > BLOCK_MIN_BYTES) this.openBlock();
    bytes.appendTo(this);
  }

  /** The first request, of so many bytes: to `out`, or, where that is null, away. */
  shift(sizeBytes: number, out: RequestOut | null): void {
    const part = this.parts.peek() as Part;
    const { kept, block } = part;
    if (kept !== null) {
      this.heldBytes -= kept.heldBytes;
      if (out !== null) kept.appendTo(out);
      kept.release();
    } else {
      const { start } = part;
      part.start += sizeBytes;
      if (out !== null) out.append((block as Block).bytes, start, part.start, block);
      if (part.start < part.end) return;
      this.heldBytes -= BLOCK_MIN_BYTES;
      (block as Block).release();
      if (part === this.open) this.open = null;
    }
    this.parts.shift();
  }

  append(buf: Buffer, start: number, end: number, from: Block | null): void {
    const part = this.open as Part;
    (part.block as Block).write(part.end, buf, start, end, from);
    part.end += end - start;
  }

  private openBlock(): void {
    this.open = { kept: null, block: takeBlock(BLOCK_MIN_BYTES), start: 0, end: 0 };
    this.parts.push(this.open);
    this.heldBytes += BLOCK_MIN_BYTES;
  }
}
