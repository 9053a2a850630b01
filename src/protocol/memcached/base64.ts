// Base64 as memcached reads and writes it in keys that have the meta flag `b`: RFC 4648, section 4, with padding.

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');
const PAD = 0x3d;
const NO_DIGIT = -1;

const DIGITS = new Int8Array(256).fill(NO_DIGIT);
for (let i = 0; i < ALPHABET.length; i++) DIGITS[ALPHABET[i]!] = i;

/** Length of the text for `size` bytes. */
export function base64Length(size: number): number {
  return Math.ceil(size / 3) * 4;
}

/** Writes the text for `buf[start, end)` to `out` from `at` on; returns the position after it. */
export function encodeBase64(buf: Buffer, start: number, end: number, out: Buffer, at: number): number {
  let to = at;
  for (let from = start; from < end; from += 3) {
    const left = end - from;
    const bits = (buf[from]! << 16) | ((left > 1 ? buf[from + 1]! : 0) << 8) | (left > 2 ? buf[from + 2]! : 0);
    out[to++] = ALPHABET[bits >> 18]!;
    out[to++] = ALPHABET[(bits >> 12) & 63]!;
    out[to++] = left > 1 ? ALPHABET[(bits >> 6) & 63]! : PAD;
    out[to++] = left > 2 ? ALPHABET[bits & 63]! : PAD;
  }
  return to;
}

/** Writes the bytes that the text `buf[start, end)` stands for to `out` from `at` on; their end, or -1 where it is none. */
export function decodeBase64(buf: Buffer, start: number, end: number, out: Buffer, at: number): number {
  if (end === start || (end - start) % 4 !== 0) return -1;
  let to = at;
  for (let from = start; from < end; from += 4) {
    const isLast = from + 4 === end;
    const a = DIGITS[buf[from]!]!;
    const b = DIGITS[buf[from + 1]!]!;
    const isShort = isLast && buf[from + 3] === PAD;
    const isShorter = isShort && buf[from + 2] === PAD;
    const c = isShorter ? 0 : DIGITS[buf[from + 2]!]!;
    const d = isShort ? 0 : DIGITS[buf[from + 3]!]!;
    if ((a | b | c | d) < 0) return -1;
    out[to++] = (a << 2) | (b >> 4);
    if (!isShorter) out[to++] = ((b & 15) << 4) | (c >> 2);
    if (!isShort) out[to++] = ((c & 3) << 6) | d;
  }
  return to;
}
