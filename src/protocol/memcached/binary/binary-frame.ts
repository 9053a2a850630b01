import { BINARY_HEADER_BYTES, bodyBytesOf, extrasBytesOf, keyBytesOf, opcodeOf } from './binary-header.ts';
import { findOpcode } from './opcodes.ts';

export const FRAME_GOOD = 0;
/** No such opcode: the request is skipped. */
export const FRAME_UNKNOWN = 1;
/** Key and extras are longer than the body: nothing after it can be understood. */
export const FRAME_BROKEN = 2;
/** Not of the form that the opcode has. memcached closes. */
export const FRAME_INVALID = 3;
/** Longer than a request may be. */
export const FRAME_TOO_LARGE = 4;

/** What is to be made of the request whose header is at `buf[start]`: only a good one needs its body. */
export function frameKind(buf: Buffer, start: number, maxRequestBytes: number): number {
  const bodyBytes = bodyBytesOf(buf, start);
  const keyBytes = keyBytesOf(buf, start);
  const extrasBytes = extrasBytesOf(buf, start);
  if (keyBytes + extrasBytes > bodyBytes) return FRAME_BROKEN;
  const opcode = findOpcode(opcodeOf(buf, start));
  if (opcode === null) return FRAME_UNKNOWN;
  if (
    keyBytes < opcode.minKeyBytes ||
    keyBytes > opcode.maxKeyBytes ||
    extrasBytes < opcode.minExtrasBytes ||
    extrasBytes > opcode.maxExtrasBytes ||
    // Flush has all of its extras or none.
    (extrasBytes !== opcode.minExtrasBytes && extrasBytes !== opcode.maxExtrasBytes) ||
    (!opcode.hasValue && bodyBytes > keyBytes + extrasBytes)
  ) {
    return FRAME_INVALID;
  }
  return BINARY_HEADER_BYTES + bodyBytes > maxRequestBytes ? FRAME_TOO_LARGE : FRAME_GOOD;
}
