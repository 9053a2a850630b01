import { Fifo } from '../../memory/fifo.ts';

const CHUNK_BYTES = 64 * 1024;

/**
 * What was read from a client while it could not be taken: chunks in their order, the last of which may have room for more. It
 * is seldom more than the rest of one read, which is kept as it is.
 */
export class RequestBacklog {
  /** Not taken yet. */
  bytes = 0;
  /** What that costs. */
  heldBytes = 0;
  /** A whole request that comes before all else. */
  private first: Buffer | null = null;
  /** The rest of the oldest chunk. */
  private rest: Buffer | null = null;
  private readonly chunks = new Fifo<Buffer>();
  /** The newest chunk, and how much of it is used. */
  private open: Buffer | null = null;
  private used = 0;

  get hasFirst(): boolean {
    return this.first !== null;
  }

  /** A whole request that was taken and has to wait after all, one at a time; nobody else has its bytes. */
  putFirst(request: Buffer): void {
    this.first = request;
    this.bytes += request.length;
    this.heldBytes += request.buffer.byteLength;
  }

  /** Appends a copy of `buf[start, end)`. */
  append(buf: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size === 0) return;
    if (this.bytes === 0) {
      this.putBack(Buffer.from(buf.subarray(start, end)));
      return;
    }
    this.bytes += size;
    if (this.open === null || this.open.length - this.used < size) {
      this.seal();
      this.open = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, size));
      this.heldBytes += this.open.length;
    }
    this.used += buf.copy(this.open, this.used, start, end);
  }

  /** The oldest bytes, which are no longer here; null: there are none. */
  take(): Buffer | null {
    if (this.first === null && this.rest === null && this.chunks.length === 0) this.seal();
    const chunk = this.first ?? this.rest ?? this.chunks.shift() ?? null;
    if (this.first !== null) this.first = null;
    else this.rest = null;
    if (chunk === null) return null;
    this.bytes -= chunk.length;
    this.heldBytes -= chunk.buffer.byteLength;
    return chunk;
  }

  /** The rest of what was taken last; nobody else has it. */
  putBack(rest: Buffer): void {
    if (rest.length === 0) return;
    // What is there already came behind it.
    if (this.rest === null) this.rest = rest;
    else this.first = rest;
    this.bytes += rest.length;
    this.heldBytes += rest.buffer.byteLength;
  }

  /** Nobody reads it any more, and whatever it is, it may have passwords in it. */
  clear(): void {
    for (let chunk = this.take(); chunk !== null; chunk = this.take()) chunk.fill(0);
  }

  private seal(): void {
    if (this.open === null) return;
    this.chunks.push(this.open.subarray(0, this.used));
    this.open = null;
    this.used = 0;
  }
}
