const POLYNOMIAL = 0x1021;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0);
  return crc & 0xffff;
});

/**
 * CRC-16/XMODEM's table over `buf[start, end)`, but in a 32-bit accumulator that is never cut to 16 bits: the high half
 * keeps what the shifts push out, and twemproxy routes by all of it. Result as u32; not the CRC16 of Redis Cluster.
 */
export function crc16(buf: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) crc = (crc << 8) ^ TABLE[((crc >>> 8) ^ buf[i]!) & 0xff]!;
  return crc >>> 0;
}
