const FIRST_CAPACITY_BYTES = 1024;
/** Reserved at once for what a client announces; memory that is not written to is not taken from the system. */
const TRUSTED_BYTES = 1024 * 1024;

/**
 * The bytes of one request that arrives in pieces, in one buffer. It is made as large as the request announces, up to
 * 1 MiB or twice what has come: beyond that a client must have sent half of what it makes us reserve.
 */
export class PartialRequest {
  private readonly limitBytes: number;
  private bytes: Buffer = Buffer.alloc(0);
  private length = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /**
   * Appends a copy of `buf[start, end)`; `missingBytes` are known to follow. False, and nothing kept, when the request
   * grows over the limit.
   */
  append(buf: Buffer, start: number, end: number, missingBytes = 0): boolean {
    const needed = this.length + end - start;
    if (needed > this.limitBytes) return false;
    if (needed > this.bytes.length) this.grow(needed, missingBytes);
    buf.copy(this.bytes, this.length, start, end);
    this.length = needed;
    return true;
  }

  /** What has come; of what is reserved beyond it the system has given nothing yet. */
  get heldBytes(): number {
    return this.length;
  }

  /** The whole request. The buffer is the caller's; this object is done. */
  take(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private grow(needed: number, missingBytes: number): void {
    const announced = missingBytes > 0 ? needed + missingBytes : Math.max(FIRST_CAPACITY_BYTES, needed * 2);
    const allowed = Math.max(TRUSTED_BYTES, needed * 2);
    const capacity = Math.max(needed, Math.min(announced, allowed, this.limitBytes));
    const bytes = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}
