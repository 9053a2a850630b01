const INITIAL_VALUE = 13;

/**
 * Bob Jenkins' lookup3 (`hashlittle`, initial value 13, the result in c) of `buf[start, end)`, as u32.
 * Source: http://burtleburtle.net/bob/c/lookup3.c
 */
export function jenkins(buf: Uint8Array, start: number, end: number): number {
  let a = (0xdeadbeef + (end - start) + INITIAL_VALUE) | 0;
  let b = a;
  let c = a;
  let i = start;
  // The last block, even a full one, is not mixed here but in the final step below.
  for (; end - i > 12; i += 12) {
    a = (a + (buf[i]! | (buf[i + 1]! << 8) | (buf[i + 2]! << 16) | (buf[i + 3]! << 24))) | 0;
    b = (b + (buf[i + 4]! | (buf[i + 5]! << 8) | (buf[i + 6]! << 16) | (buf[i + 7]! << 24))) | 0;
    c = (c + (buf[i + 8]! | (buf[i + 9]! << 8) | (buf[i + 10]! << 16) | (buf[i + 11]! << 24))) | 0;
    a = (a - c) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = (a - c) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
  }
  const rest = end - i;
  if (rest === 0) return c >>> 0;
  if (rest > 8) c = (c + partialWord(buf, i + 8, end)) | 0;
  if (rest > 4) b = (b + partialWord(buf, i + 4, end)) | 0;
  a = (a + partialWord(buf, i, end)) | 0;

  c = (c ^ b) - ((b << 14) | (b >>> 18));
  a = (a ^ c) - ((c << 11) | (c >>> 21));
  b = (b ^ a) - ((a << 25) | (a >>> 7));
  c = (c ^ b) - ((b << 16) | (b >>> 16));
  a = (a ^ c) - ((c << 4) | (c >>> 28));
  b = (b ^ a) - ((a << 14) | (a >>> 18));
  return ((c ^ b) - ((b << 24) | (b >>> 8))) >>> 0;
}

/** Up to four bytes from `i`, little-endian; what lies past `end` counts as zero. */
function partialWord(buf: Uint8Array, i: number, end: number): number {
  let word = buf[i]!;
  if (i + 1 < end) word |= buf[i + 1]! << 8;
  if (i + 2 < end) word |= buf[i + 2]! << 16;
  if (i + 3 < end) word |= buf[i + 3]! << 24;
  return word;
}
