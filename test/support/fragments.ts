import type { RequestParser } from '../../src/protocol/protocol.ts';

/** A copy of the request for the keys `members` of the request that was just parsed. */
export function fragmentOf(parser: RequestParser, buf: Buffer, start: number, end: number, members: number[]): Buffer {
  // What follows the members must not be read.
  const { block, length } = parser.fragment(buf, start, end, Int32Array.of(...members, 7, 7), members.length);
  const bytes = Buffer.from(block.bytes.subarray(0, length));
  block.release();
  return bytes;
}
