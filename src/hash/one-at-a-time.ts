/**
 * Bob Jenkins' one-at-a-time hash of `buf[start, end)`, as u32. Bytes are sign-extended, as twemproxy reads them
 * through x86's signed `char`. Source: http://www.burtleburtle.net/bob/hash/doobs.html
 */
export function oneAtATime(buf: Uint8Array, start: number, end: number): number {
  let h = 0;
  for (let i = start; i < end; i++) {
    h = (h + ((buf[i]! << 24) >> 24)) | 0;
    h = (h + (h << 10)) | 0;
    h ^= h >>> 6;
  }
  h = (h + (h << 3)) | 0;
  h ^= h >>> 11;
  return (h + (h << 15)) >>> 0;
}
