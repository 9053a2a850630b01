// What FUNCTION DUMP says and FUNCTION RESTORE takes: the libraries as Redis 7 writes them into its RDB files.
//
//   (245, string)*  version (2 bytes)  CRC64 (8 bytes)
//
// Sources: Redis's rdb.h and rdb.c (RDB_OPCODE_FUNCTION2, rdbLoadLenByRef, rdbGenericLoadStringObject), functions.c, lzf_d.c.

const FUNCTION = 245;
const FOOTER_BYTES = 10;
// The two highest bits of a length, and what the others say where they are both set.
const LENGTH_6 = 0;
const LENGTH_14 = 1;
const LENGTH_LONG = 2;
const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;
const COMPRESSED = 0xc3;

/** The texts of the libraries in `dump`, of at most `maxBytes` together; null: it has more, or is not of this kind. */
export function librariesOf(dump: Buffer, maxBytes: number): Buffer[] | null {
  const reader = new DumpReader(dump.subarray(0, Math.max(0, dump.length - FOOTER_BYTES)), maxBytes);
  const libraries: Buffer[] = [];
  while (!reader.isAtEnd) {
    const text = reader.byte() === FUNCTION ? reader.text() : null;
    if (text === null) return null;
    libraries.push(text);
  }
  return libraries;
}

/** Reads behind each other; what is not there reads as null, or -1. */
class DumpReader {
  private readonly bytes: Buffer;
  private at = 0;
  private leftBytes: number;

  constructor(bytes: Buffer, maxBytes: number) {
    this.bytes = bytes;
    this.leftBytes = maxBytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.isAtEnd ? -1 : this.bytes[this.at++]!;
  }

  text(): Buffer | null {
    if (this.bytes[this.at] !== COMPRESSED) return this.take(this.length());
    this.at++;
    const [from, to] = [this.length(), this.length()];
    if (to < 0 || to > this.leftBytes) return null;
    const compressed = this.take(from);
    return compressed === null ? null : expand(compressed, to);
  }

  private length(): number {
    const first = this.byte();
    if (first < 0) return -1;
    const kind = first >> 6;
    if (kind === LENGTH_6) return first;
    if (kind === LENGTH_14) {
      const second = this.byte();
      return second < 0 ? -1 : ((first & 0x3f) << 8) | second;
    }
    const size = first === LENGTH_32 ? 4 : first === LENGTH_64 ? 8 : 0;
    if (kind !== LENGTH_LONG || size === 0 || this.at + size > this.bytes.length) return -1;
    this.at += size;
    return size === 4 ? this.bytes.readUInt32BE(this.at - 4) : Number(this.bytes.readBigUInt64BE(this.at - 8));
  }

  private take(length: number): Buffer | null {
    if (length < 0 || length > this.leftBytes || this.at + length > this.bytes.length) return null;
    this.leftBytes -= length;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/**
 * LZF: a byte below 32 says that so many and one more follow as they are; else its three highest bits, with 7 the next byte added,
 * say how many bytes and two more come again from as far back as its other bits and the byte after say.
 */
function expand(bytes: Buffer, length: number): Buffer | null {
  const out = Buffer.alloc(length);
  let written = 0;
  for (let at = 0; at < bytes.length; ) {
    const control = bytes[at++]!;
    if (control < 32) {
      const count = control + 1;
      if (at + count > bytes.length || written + count > length) return null;
      written += bytes.copy(out, written, at, at + count);
      at += count;
      continue;
    }
    let count = (control >> 5) + 2;
    if (control >> 5 === 7) count += bytes[at++] ?? 0;
    let from = written - ((control & 0x1f) << 8) - (bytes[at++] ?? 0) - 1;
    if (at > bytes.length || from < 0 || written + count > length) return null;
    // They may overlap.
    while (count-- > 0) out[written++] = out[from++]!;
  }
  return written === length ? out : null;
}
