// CRC-16/XMODEM (polynomial 0x1021, start 0), by which a Redis Cluster places keys: the cluster specification, appendix A.
// crc16.ts is twemproxy's, which is another.
import { HashTag } from './hash-tag.ts';

export const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0);
  return crc & 0xffff;
});

const OPEN = 0x7b;
const CLOSE = 0x7d;
const tag = new HashTag(OPEN, CLOSE);

/** The slot of the key `buf[start, end)`: of what stands between its first `{` and the next `}`, if anything does. */
export function keySlot(buf: Uint8Array, start: number, end: number): number {
  tag.locate(buf, start, end);
  const stop = tag.end;
  let crc = 0;
  for (let i = tag.start; i < stop; i++)
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >>> 8) ^ (buf[i] as number)] as number);
  return crc & (SLOTS - 1);
}
