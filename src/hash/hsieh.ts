/**
 * Paul Hsieh's SuperFastHash of `buf[start, end)`, as u32, from initial value 0. As in twemproxy the last byte of a
 * remainder of three is sign-extended and that of a remainder of one is not.
 * Source: http://www.azillionmonkeys.com/qed/hash.html
 */
export function hsieh(buf: Uint8Array, start: number, end: number): number {
  let h = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    h = (h + (buf[i]! | (buf[i + 1]! << 8))) | 0;
    h = (h << 16) ^ ((buf[i + 2]! | (buf[i + 3]! << 8)) << 11) ^ h;
    h = (h + (h >>> 11)) | 0;
  }
  switch (end - i) {
    case 3:
      h = (h + (buf[i]! | (buf[i + 1]! << 8))) | 0;
      h ^= h << 16;
      h ^= ((buf[i + 2]! << 24) >> 24) << 18;
      h = (h + (h >>> 11)) | 0;
      break;
    case 2:
      h = (h + (buf[i]! | (buf[i + 1]! << 8))) | 0;
      h ^= h << 11;
      h = (h + (h >>> 17)) | 0;
      break;
    case 1:
      h = (h + buf[i]!) | 0;
      h ^= h << 10;
      h = (h + (h >>> 1)) | 0;
      break;
  }
  h ^= h << 3;
  h = (h + (h >>> 5)) | 0;
  h ^= h << 4;
  h = (h + (h >>> 17)) | 0;
  h ^= h << 25;
  return (h + (h >>> 6)) >>> 0;
}
