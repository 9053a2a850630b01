import type { RequestArgs } from './request-args.ts';

/**
 * The part of a multi-key request that has only the keys `members[0, count)`, with the `keyStep - 1` arguments after
 * each (MSET's values): `*k\r\n`, the command's name as the client wrote it, the keys. One buffer of exact size.
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
): Buffer {
  const head = `*${firstKey + count * keyStep}\r\n`;
  let size = head.length + afterArgument(args, firstKey - 1) - args.firstHeader;
  for (let i = 0; i < count; i++) {
    const first = firstKey + members[i]! * keyStep;
    size += afterArgument(args, first + keyStep - 1) - args.headerStart(first);
  }
  const part = Buffer.allocUnsafe(size);
  let at = part.write(head, 0, 'latin1');
  let from = args.firstHeader;
  let to = afterArgument(args, firstKey - 1);
  for (let i = 0; i < count; i++) {
    const first = firstKey + members[i]! * keyStep;
    const start = args.headerStart(first);
    if (start !== to) {
      at += copyBytes(buf, from, to, part, at);
      from = start;
    }
    to = afterArgument(args, first + keyStep - 1);
  }
  copyBytes(buf, from, to, part, at);
  return part;
}

function afterArgument(args: RequestArgs, index: number): number {
  return args.ends[index]! + 2;
}

/** Copies `from[start, end)` to `to[at…]`; a loop beats the call for the few bytes of a key. Returns the length. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const length = end - start;
  if (length > LOOP_BYTES) from.copy(to, at, start, end);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  return length;
}

const LOOP_BYTES = 48;
