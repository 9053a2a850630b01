import type { RequestBytes } from '../../request/request-bytes.ts';
import { addressOf, copyBytes, sharedBuffer } from '../../system/copy.ts';

/** Longer keys are cut to so many bytes. */
export const TRAIL_KEY_BYTES = 128;
/** What is older than this is told no more, however little came since. */
const TRAIL_MAX_US = 60_000_000;
const TRAIL_BYTES = 2 * 2 ** 20;

/**
 * The first keys of the last requests of a worker: when a request turns out to have been slow, its bytes are long gone. A
 * ring of bytes that is written round and round, so that nothing has to be given back:
 *
 *   … key │ key │ key │ ◀ next        a key is told by where it began, on a scale that goes on (of 32 bits, with overflow);
 *                                     it is there for as long as less than the ring was written since
 */
export class KeyTrail {
  private bytes: Buffer | null = null;
  private address = 0n;
  private next = 0;

  /** Keeps `keyBuf[start, end)`, or its beginning, of `request`; where it began. */
  keep({ keyBuf, block }: RequestBytes, start: number, end: number): number {
    const size = end - start > TRAIL_KEY_BYTES ? TRAIL_KEY_BYTES : end - start;
    if (this.bytes === null) {
      this.bytes = Buffer.allocUnsafeSlow(TRAIL_BYTES);
      this.address = addressOf(this.bytes);
    }
    // A key does not go round the end.
    const left = TRAIL_BYTES - (this.next & (TRAIL_BYTES - 1));
    if (size > left) this.next = (this.next + left) | 0;
    const from = this.next;
    const at = from & (TRAIL_BYTES - 1);
    const isOfBlock = block !== null && keyBuf === block.bytes;
    const source = keyBuf === sharedBuffer ? addressOf(keyBuf) : isOfBlock ? block.address : 0n;
    if (source !== 0n) copyBytes(this.bytes, this.address, at, keyBuf, source, start, start + size);
    else keyBuf.copy(this.bytes, at, start, start + size);
    this.next = (from + size) | 0;
    return from;
  }

  /** The key of `size` bytes, or its beginning, that began at `from`, `ageUs` ago; null: it is gone. Valid until the next `keep`. */
  find(from: number, size: number, ageUs: number): Buffer | null {
    const { bytes } = this;
    if (bytes === null || ageUs > TRAIL_MAX_US || (this.next - from) >>> 0 > TRAIL_BYTES - TRAIL_KEY_BYTES) return null;
    const at = from & (TRAIL_BYTES - 1);
    return bytes.subarray(at, at + Math.min(size, TRAIL_KEY_BYTES));
  }
}
