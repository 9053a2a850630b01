const LF = 10;
const NO_BYTES = Buffer.alloc(0);

/**
 * The line of a reply that may come in pieces: in place where it comes in one, else gathered. The scanner has bounded its
 * length.
 */
export class LineGatherer {
  /** The line is `buf[start, end)`, without its CRLF. */
  buf: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  private rest: Buffer | null = null;

  /** Position after the line that begins or goes on at `buf[start]`, or -1 when more of it is to come. */
  read(buf: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && buf[at] !== LF) at++;
    const isWhole = at < end;
    const stop = isWhole ? at + 1 : end;
    if (this.rest === null && isWhole) {
      this.buf = buf;
      this.start = start;
      this.end = stop - 2;
      return stop;
    }
    const piece = buf.subarray(start, stop);
    const line = this.rest === null ? Buffer.from(piece) : Buffer.concat([this.rest, piece]);
    this.rest = isWhole ? null : line;
    if (!isWhole) return -1;
    this.buf = line;
    this.start = 0;
    this.end = line.length - 2;
    return stop;
  }
}
