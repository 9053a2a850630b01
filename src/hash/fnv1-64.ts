/**
 * What twemproxy calls fnv1_64, of `buf[start, end)`, as u32: the offset basis and the prime of 64-bit FNV-1 cut to
 * their low 32 bits. Only bytes ≥ 0x80, which are sign-extended there, make it differ from a true FNV-1-64's low half.
 */
export function fnv1x64(buf: Uint8Array, start: number, end: number): number {
  let h = 0x84222325 | 0;
  for (let i = start; i < end; i++) h = Math.imul(h, 0x1b3) ^ ((buf[i]! << 24) >> 24);
  return h >>> 0;
}
