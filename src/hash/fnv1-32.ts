/**
 * FNV-1, 32 bits, of `buf[start, end)`, as u32; bytes are sign-extended as in twemproxy.
 * Source: http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv1x32(buf: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) h = Math.imul(h, 0x01000193) ^ ((buf[i]! << 24) >> 24);
  return h >>> 0;
}
