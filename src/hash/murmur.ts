const M = 0x5bd1e995;
const R = 24;

/**
 * Austin Appleby's MurmurHash2 of `buf[start, end)`, as u32, seeded with 0xdeadbeef × length as libmemcached does.
 * Source: https://github.com/aappleby/smhasher
 */
export function murmur(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  let h = Math.imul(0xdeadbeef, length) ^ length;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    let k = buf[i]! | (buf[i + 1]! << 8) | (buf[i + 2]! << 16) | (buf[i + 3]! << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> R), M);
    h = Math.imul(h, M) ^ k;
  }
  const rest = end - i;
  if (rest > 0) {
    if (rest > 2) h ^= buf[i + 2]! << 16;
    if (rest > 1) h ^= buf[i + 1]! << 8;
    h = Math.imul(h ^ buf[i]!, M);
  }
  h = Math.imul(h ^ (h >>> 13), M);
  return (h ^ (h >>> 15)) >>> 0;
}
