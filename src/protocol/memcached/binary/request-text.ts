import { type Block, takeBlock } from '../../../memory/block.ts';
import { base64Length, encodeBase64 } from '../base64.ts';

const CR = 13;
const LF = 10;
const SPACE = 32;
const DELETE = 0x7f;
const ZERO = 48;
/** A key as base64 may be so long: memcached counts its characters, not its bytes. */
const MAX_KEY_TEXT_BYTES = 250;
/** What a line has beside key and value, at most: words, flags and numbers of 20 digits. */
const LINE_EXTRA_BYTES = 160;

/** The key `buf[start, end)` can stand in a line as it is: nothing in it parts words or ends lines. */
export function isTextKey(buf: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buf[at]!;
    if (byte <= SPACE || byte === DELETE) return false;
  }
  return true;
}

/** Whether a key of `bytes` bytes may travel as base64. */
export function fitsBase64(bytes: number): boolean {
  return base64Length(bytes) <= MAX_KEY_TEXT_BYTES;
}

/** Writes one request of text into a block of its own. */
export class RequestText {
  block: Block | null = null;
  length = 0;
  private bytes: Buffer = Buffer.alloc(0);

  /** A request with `bodyBytes` beside words and numbers. The block's one reference is the caller's. */
  begin(bodyBytes: number): void {
    this.block = takeBlock(bodyBytes + LINE_EXTRA_BYTES);
    this.bytes = this.block.bytes;
    this.length = 0;
  }

  /** A word known beforehand, with the spaces around it. */
  word(text: Buffer): void {
    this.length += text.copy(this.bytes, this.length);
  }

  copy(buf: Buffer, start: number, end: number): void {
    this.length += buf.copy(this.bytes, this.length, start, end);
  }

  base64(buf: Buffer, start: number, end: number): void {
    this.length = encodeBase64(buf, start, end, this.bytes, this.length);
  }

  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** A number from 0 to 2^53. */
  number(value: number): void {
    let digits = 1;
    for (let rest = Math.floor(value / 10); rest > 0; rest = Math.floor(rest / 10)) digits++;
    let rest = value;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const tens = Math.floor(rest / 10);
      this.bytes[at] = ZERO + (rest - tens * 10);
      rest = tens;
    }
    this.length += digits;
  }

  /** The unsigned 64-bit number at `buf[at]`. */
  number64(buf: Buffer, at: number): void {
    const high = buf.readUInt32BE(at);
    const low = buf.readUInt32BE(at + 4);
    if (high < 1 << 20) this.number(high * 2 ** 32 + low);
    else this.length += this.bytes.write(String(buf.readBigUInt64BE(at)), this.length, 'latin1');
  }

  lineEnd(): void {
    this.bytes[this.length] = CR;
    this.bytes[this.length + 1] = LF;
    this.length += 2;
  }
}
