/**
 * What twemproxy calls fnv1a_64, of `buf[start, end)`, as u32: FNV-1a with the offset basis and the prime of its 64-bit
 * form cut to their low 32 bits, over sign-extended bytes. The default hash of a pool.
 */
export function fnv1ax64(buf: Uint8Array, start: number, end: number): number {
  let h = 0x84222325 | 0;
  for (let i = start; i < end; i++) h = Math.imul(h ^ ((buf[i]! << 24) >> 24), 0x1b3);
  return h >>> 0;
}
