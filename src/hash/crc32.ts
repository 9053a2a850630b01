import { crc32a } from './crc32a.ts';

/**
 * 15 bits of the CRC-32 of `buf[start, end)`, as libmemcached once cut it. All results are below 32,768, so on a ketama
 * ring, whose points span 32 bits, nearly every key meets the same point.
 */
export function crc32(buf: Uint8Array, start: number, end: number): number {
  return (crc32a(buf, start, end) >>> 16) & 0x7fff;
}
