import { takeBlock } from '../../memory/block.ts';
import { addressOf, copyBytes } from '../../system/copy.ts';
import type { Fragment } from '../protocol.ts';
import type { RequestArgs } from './request-args.ts';
import { arrayHeaderBytes, writeArrayHeader } from './resp.ts';

/**
 * The part of a multi-key request that has only the keys `members[0, count)`, with the `keyStep - 1` arguments after
 * each (MSET's values): `*k\r\n`, the command's name as the client wrote it, the keys.
 *
 * Arguments are copied with their headers, runs of neighbours at once:
 *
 *   args    name  k0 v0  k1 v1  k2 v2  k3 v3
 *   members              1      2                 → one copy from k1's `$` to the end of v2
 */
export function buildFragment(
  args: RequestArgs,
  buf: Buffer,
  members: Int32Array,
  count: number,
  firstKey: number,
  keyStep: number,
): Fragment {
  const { ends } = args;
  const argumentCount = firstKey + count * keyStep;
  const nameEnd = ends[firstKey - 1]! + LINE_END_BYTES;
  // With the line end of the argument before it left out and its own taken in, an argument has the same length.
  let size = arrayHeaderBytes(argumentCount) + nameEnd - args.firstHeader;
  for (let i = 0; i < count; i++) {
    const first = firstKey + members[i]! * keyStep;
    size += ends[first + keyStep - 1]! - ends[first - 1]!;
  }
  const block = takeBlock(size);
  const part = block.bytes;
  const source = addressOf(buf);
  let at = writeArrayHeader(part, 0, argumentCount);
  let from = args.firstHeader;
  let to = nameEnd;
  let next = 0;
  for (let i = 0; i < count; i++) {
    const member = members[i]!;
    const first = firstKey + member * keyStep;
    if (member !== next) {
      copyBytes(part, block.address, at, buf, source, from, to);
      at += to - from;
      from = ends[first - 1]! + LINE_END_BYTES;
    }
    to = ends[first + keyStep - 1]! + LINE_END_BYTES;
    next = member + 1;
  }
  copyBytes(part, block.address, at, buf, source, from, to);
  return { block, length: size };
}

/** `\r\n`. */
const LINE_END_BYTES = 2;
