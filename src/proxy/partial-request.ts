const FIRST_CAPACITY_BYTES = 1024;

/**
 * The bytes of one request that arrives in pieces, in one buffer that doubles: a client must have sent half of what
 * it makes us reserve, and a byte is moved at most twice on average.
 */
export class PartialRequest {
  private readonly limitBytes: number;
  private bytes: Buffer = Buffer.alloc(0);
  private length = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Appends a copy of `buf[start, end)`; false, and nothing kept, when it grows over the limit. */
  append(buf: Buffer, start: number, end: number): boolean {
    const needed = this.length + end - start;
    if (needed > this.limitBytes) return false;
    if (needed > this.bytes.length) this.grow(needed);
    buf.copy(this.bytes, this.length, start, end);
    this.length = needed;
    return true;
  }

  /** The whole request. The buffer is the caller's; this object is done. */
  take(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private grow(needed: number): void {
    const capacity = Math.max(FIRST_CAPACITY_BYTES, needed, Math.min(this.bytes.length * 2, this.limitBytes));
    const bytes = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}
