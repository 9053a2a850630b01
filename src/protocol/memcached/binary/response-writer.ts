import { BINARY_HEADER_BYTES, writeResponseHeader } from './binary-header.ts';

/** Takes the pieces of responses; those of a `ReplyOut` and of a `TransformOut` are alike. */
interface PieceOut {
  append(buf: Buffer, start: number, end: number): void;
}

/** The extras of a response that has an item: its flags. */
export const FLAGS_BYTES = 4;
const SCRATCH_BYTES = 64 * 1024;
/** Longer values are passed on as they are. */
const COPY_MAX_BYTES = 4096;

/**
 * Puts responses together so that small ones leave in one piece: what was written in one go lies side by side, and stays as it
 * is until the next `begin`.
 */
export class ResponseWriter {
  private out: PieceOut | null = null;
  private scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  private start = 0;
  private end = 0;

  begin(out: PieceOut): void {
    this.out = out;
    this.start = this.end = 0;
  }

  /** Passes on what is left. */
  finish(): void {
    this.flush();
    this.out = null;
  }

  /** A response with all its body but the value; returns where it begins, in `bytes`, as long as nothing else is written. */
  header(
    opcode: number,
    opaque: number,
    status: number,
    keyBytes: number,
    extrasBytes: number,
    valueBytes: number,
  ): number {
    const at = this.reserve(BINARY_HEADER_BYTES + extrasBytes + keyBytes);
    const bodyBytes = extrasBytes + keyBytes + valueBytes;
    writeResponseHeader(this.scratch, at, opcode, status, keyBytes, extrasBytes, bodyBytes, opaque);
    return at;
  }

  /** Where `header` has written. */
  get bytes(): Buffer {
    return this.scratch;
  }

  /** The decimal number `buf[start, end)` as the flags of the response at `at`. */
  flags(at: number, buf: Buffer, start: number, end: number): void {
    let value = 0;
    for (let i = start; i < end; i++) value = value * 10 + buf[i]! - 0x30;
    this.scratch.writeUInt32BE(value >>> 0, at + BINARY_HEADER_BYTES);
  }

  /** The key of the response at `at`, which has flags before it or not. */
  key(at: number, extrasBytes: number, buf: Buffer, start: number, end: number): void {
    buf.copy(this.scratch, at + BINARY_HEADER_BYTES + extrasBytes, start, end);
  }

  /** A value, or a piece of one. */
  value(buf: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size > COPY_MAX_BYTES) {
      this.flush();
      this.out!.append(buf, start, end);
      return;
    }
    const at = this.reserve(size);
    buf.copy(this.scratch, at, start, end);
  }

  /** A whole response. */
  response(bytes: Buffer): void {
    this.value(bytes, 0, bytes.length);
  }

  /** Room for `size` bytes. */
  private reserve(size: number): number {
    if (this.end + size > SCRATCH_BYTES) {
      this.flush();
      // What was passed on is still needed.
      this.scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
      this.start = this.end = 0;
    }
    const at = this.end;
    this.end += size;
    return at;
  }

  private flush(): void {
    if (this.end > this.start) this.out!.append(this.scratch, this.start, this.end);
    this.start = this.end;
  }
}

/** For one response after the other: none is begun while another is written. */
export const responseWriter = new ResponseWriter();
