/*
 * Numbers and texts as bytes. A varint is LEB128 (DWARF 4, section 7.6), as in Protocol Buffers: seven bits a byte, the
 * lowest first, the eighth set while more follow; here up to 2⁵³ - 1.
 */

/** Bytes that are not what they should be. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

const VARINT_MAX_BYTES = 8;
const INITIAL_BYTES = 4096;

/** Grows as needed and is used again: what it gave out is valid until `clear`. */
export class ByteWriter {
  private buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  byte(value: number): void {
    this.need(1);
    this.buffer[this.length++] = value;
  }

  /** `value`: an integer, 0 to 2⁵³ - 1. */
  varint(value: number): void {
    if (this.length + VARINT_MAX_BYTES > this.buffer.length) this.need(VARINT_MAX_BYTES);
    const { buffer } = this;
    if (value < 128) {
      buffer[this.length++] = value;
      return;
    }
    let rest = value;
    // Beyond 32 bits there are no bit operations.
    while (rest >= 2 ** 31) {
      buffer[this.length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      buffer[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buffer[this.length++] = rest;
  }

  double(value: number): void {
    this.need(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }

  /** UTF-8, with its length before it. */
  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.need(size);
    this.length += this.buffer.write(value, this.length);
  }

  /** `source[start, end)`, with its length before it. */
  run(source: Uint8Array, start: number, end: number): void {
    this.varint(end - start);
    this.need(end - start);
    this.buffer.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  private need(bytes: number): void {
    const wanted = this.length + bytes;
    if (wanted <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

/** Reads what a ByteWriter wrote; throws a FormatError where there is something else, or nothing more. */
export class ByteReader {
  private readonly buffer: Buffer;
  private position = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  get isAtEnd(): boolean {
    return this.position === this.buffer.length;
  }

  byte(): number {
    const value = this.buffer[this.position];
    if (value === undefined) throw new FormatError('the bytes end too early');
    this.position++;
    return value;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < VARINT_MAX_BYTES; i++) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      factor *= 128;
    }
    throw new FormatError('a number is too large');
  }

  double(): number {
    return this.take(8).readDoubleLE();
  }

  text(): string {
    return this.run().toString();
  }

  /** A view, not a copy. */
  run(): Buffer {
    return this.take(this.varint());
  }

  private take(size: number): Buffer {
    const end = this.position + size;
    if (end > this.buffer.length) throw new FormatError('the bytes end too early');
    const bytes = this.buffer.subarray(this.position, end);
    this.position = end;
    return bytes;
  }
}
