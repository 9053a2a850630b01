import { type Framer, INCOMPLETE } from '../protocol.ts';
import { FRAME_GOOD, frameKind } from './binary/binary-frame.ts';
import { BINARY_HEADER_BYTES, bodyBytesOf } from './binary/binary-header.ts';
import { beginsLongLine, getLineLimit, MAX_LINE_BYTES, RequestLine } from './request-line.ts';
import { type MemcachedSession, WIRE_BINARY } from './session.ts';
import { storageDataBytes } from './storage-header.ts';

const LF = 10;

const IN_LINE = 0;
/** In a get line that is longer than other lines may be. */
const IN_LONG_LINE = 1;
/** In a data block, or in a binary body: so many bytes, whatever they are. */
const IN_DATA = 2;

/** Used within one call only, so all framers of the process share it. */
const line = new RequestLine();

/**
 * Finds the end of a request that arrives in pieces. A line is looked at whole: in place when one piece has all of
 * it, else gathered in `head`, as far as lines may go; of longer ones (get) only the newline is looked for. So is the
 * header of a binary request.
 */
export class MemcachedFramer implements Framer {
  private readonly maxRequestBytes: number;
  private readonly maxGetLineBytes: number;
  private readonly session: MemcachedSession | null;
  private state = IN_LINE;
  private head: Buffer | null = null;
  private lineBytes = 0;
  private dataLeft = 0;

  /** `maxRequestBytes`: of the line and its data block together. `session`: says whether the client speaks binary. */
  constructor(maxRequestBytes: number, session: MemcachedSession | null = null) {
    this.maxRequestBytes = maxRequestBytes;
    this.maxGetLineBytes = getLineLimit(maxRequestBytes);
    this.session = session;
  }

  get missingBytes(): number {
    return this.state === IN_DATA ? this.dataLeft : 0;
  }

  reset(): void {
    this.state = IN_LINE;
    this.head = null;
    this.lineBytes = 0;
    this.dataLeft = 0;
  }

  scan(buf: Buffer, start: number, end: number): number {
    if (start === end) return INCOMPLETE;
    if (this.state === IN_DATA) return this.scanData(start, end);
    if (this.state === IN_LONG_LINE) return this.scanLongLine(buf, start, end);
    if (this.session !== null && this.session.wire === WIRE_BINARY) return this.scanHeader(buf, start, end);

    const room = MAX_LINE_BYTES - this.lineBytes;
    const stop = end - start > room ? start + room : end;
    let at = start;
    while (at < stop && buf[at] !== LF) at++;
    const lineEnd = at < stop ? at + 1 : stop;
    if (at === stop && stop - start < room) {
      this.gather(buf, start, stop);
      return INCOMPLETE;
    }
    const isWhole = this.lineBytes === 0;
    if (!isWhole) this.gather(buf, start, lineEnd);
    const lineBuf = isWhole ? buf : this.head!;
    const lineStart = isWhole ? start : 0;
    const lineBytes = isWhole ? lineEnd - start : this.lineBytes;

    if (at === stop) {
      if (!beginsLongLine(lineBuf, lineStart, lineStart + lineBytes)) return lineEnd;
      this.state = IN_LONG_LINE;
      this.lineBytes = lineBytes;
      return this.scanLongLine(buf, lineEnd, end);
    }
    line.read(lineBuf, lineStart, lineStart + lineBytes, this.maxGetLineBytes);
    const dataBytes = storageDataBytes(line, lineBuf);
    if (dataBytes < 0 || lineBytes + dataBytes + 2 > this.maxRequestBytes) return lineEnd;
    this.state = IN_DATA;
    this.dataLeft = dataBytes + 2;
    return this.scanData(lineEnd, end);
  }

  /** Of a binary request. Where it is none, the request ends with it. */
  private scanHeader(buf: Buffer, start: number, end: number): number {
    const headerEnd = start + BINARY_HEADER_BYTES - this.lineBytes;
    const isWhole = this.lineBytes === 0 && headerEnd <= end;
    if (!isWhole) this.gather(buf, start, Math.min(headerEnd, end));
    if (headerEnd > end) return INCOMPLETE;
    const header = isWhole ? buf : this.head!;
    const headerStart = isWhole ? start : 0;
    if (frameKind(header, headerStart, this.maxRequestBytes) !== FRAME_GOOD) return headerEnd;
    this.state = IN_DATA;
    this.dataLeft = bodyBytesOf(header, headerStart);
    return this.scanData(headerEnd, end);
  }

  private scanLongLine(buf: Buffer, start: number, end: number): number {
    const room = this.maxGetLineBytes - this.lineBytes;
    const stop = end - start > room ? start + room : end;
    const at = stop > start ? buf.subarray(start, stop).indexOf(LF) : -1;
    if (at >= 0) return start + at + 1;
    if (stop - start === room) return stop;
    this.lineBytes += stop - start;
    return INCOMPLETE;
  }

  private scanData(start: number, end: number): number {
    if (end - start >= this.dataLeft) return start + this.dataLeft;
    this.dataLeft -= end - start;
    return INCOMPLETE;
  }

  private gather(buf: Buffer, start: number, end: number): void {
    this.head ??= Buffer.allocUnsafe(MAX_LINE_BYTES);
    buf.copy(this.head, this.lineBytes, start, end);
    this.lineBytes += end - start;
  }
}
