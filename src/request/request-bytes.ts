import { type Block, COPY_LIMIT_BYTES, takeBlock } from '../memory/block.ts';

/** Where the bytes of a request go to: the outbox of a connection. */
export interface RequestOut {
  /** Copies, or retains `block`, the memory that `buf` lies in. */
  append(buf: Buffer, start: number, end: number, block: Block | null): void;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * The bytes of one request as they go to a server: `buf[start, end)` without `buf[cutStart, cutEnd)`.
 *
 * One instance is filled anew for each request that arrives, and valid until whoever filled it goes on; where the bytes lie in
 * a `block`, that can be retained. Who needs the request longer, to send it again, takes `keep` and owes a `release`.
 */
export class RequestBytes {
  buf: Buffer = NO_BYTES;
  /** What the parser's key ranges are positions in: `buf`, unless the keys lie elsewhere. Valid during the call. */
  keyBuf: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  /** Left out; equal: nothing. */
  cutStart = 0;
  cutEnd = 0;
  /** The memory that `buf` lies in; null: it is valid as long as this is. */
  block: Block | null = null;

  /** Bytes that leave. */
  get sizeBytes(): number {
    return this.end - this.start - (this.cutEnd - this.cutStart);
  }

  /** What keeping it costs. */
  get heldBytes(): number {
    return this.block === null ? this.end - this.start : this.block.bytes.length;
  }

  /** Makes it `buf[start, end)`, nothing cut. */
  set(buf: Buffer, start: number, end: number, block: Block | null): this {
    this.buf = buf;
    this.keyBuf = buf;
    this.start = start;
    this.end = end;
    this.cutStart = 0;
    this.cutEnd = 0;
    this.block = block;
    return this;
  }

  /** Leaves out `buf[start, end)`, of which both ends lie in the request; nothing when they are equal. */
  cut(start: number, end: number): void {
    this.cutStart = start;
    this.cutEnd = end;
  }

  appendTo(out: RequestOut): void {
    const { buf, start, end, cutStart, cutEnd, block } = this;
    if (cutEnd > cutStart) {
      out.append(buf, start, cutStart, block);
      out.append(buf, cutEnd, end, block);
    } else {
      out.append(buf, start, end, block);
    }
  }

  /**
   * The same bytes in memory that stays until `release`: the block they lie in, or a copy. It can be sent as often as
   * need be.
   */
  keep(): RequestBytes {
    const kept = new RequestBytes();
    const { block, sizeBytes } = this;
    if (block?.isWorthKeeping(this.end - this.start)) {
      block.retain();
      kept.set(this.buf, this.start, this.end, block);
      kept.cut(this.cutStart, this.cutEnd);
      return kept;
    }
    const own = sizeBytes > COPY_LIMIT_BYTES ? takeBlock(sizeBytes) : null;
    const bytes = own === null ? Buffer.allocUnsafe(sizeBytes) : own.bytes;
    const head = this.cutEnd > this.cutStart ? this.cutStart : this.end;
    const length = this.buf.copy(bytes, 0, this.start, head);
    if (head < this.end) this.buf.copy(bytes, length, this.cutEnd, this.end);
    return kept.set(bytes, 0, sizeBytes, own);
  }

  /** Lets go of what `keep` took; it can't be sent any more. */
  release(): void {
    this.block?.release();
    this.clear();
  }

  /** Refers to no memory any more. */
  clear(): void {
    this.set(NO_BYTES, 0, 0, null);
  }
}
