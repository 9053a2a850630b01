/**
 * Finds the part of a key that is hashed when the pool has a `hash_tag`. One instance serves one ring: `locate` leaves
 * its answer in `start` and `end`, which hold until the next call, so that no result is allocated.
 */
export class HashTag {
  /** First byte to hash, and one past the last, as the latest `locate` found them. */
  start = 0;
  end = 0;
  private readonly open: number;
  private readonly close: number;

  /** The two bytes of the tag; they may be the same byte. */
  constructor(open: number, close: number) {
    this.open = open;
    this.close = close;
  }

  /**
   * Sets `start` and `end` to the bytes between the first `open` in the key `buf[start, end)` and the first `close`
   * after it; to the whole key when either is missing or nothing lies between. twemproxy's rule: an empty pair does
   * not make it look for a later one.
   */
  locate(buf: Uint8Array, start: number, end: number): void {
    this.start = start;
    this.end = end;
    const opened = indexOfByte(buf, this.open, start, end);
    if (opened < 0) return;
    const closed = indexOfByte(buf, this.close, opened + 1, end);
    if (closed <= opened + 1) return;
    this.start = opened + 1;
    this.end = closed;
  }
}

/** As `Uint8Array.prototype.indexOf`, which knows no end and would read on through the whole chunk. */
function indexOfByte(buf: Uint8Array, byte: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (buf[i] === byte) return i;
  return -1;
}
