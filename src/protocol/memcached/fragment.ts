import { takeBlock } from '../../memory/block.ts';
import { addressOf, copyBytes } from '../../system/copy.ts';
import type { Fragment } from '../protocol.ts';
import type { RequestLine } from './request-line.ts';

const CR = 13;
const LF = 10;

/** `get k1 k2\r\n` of the keys that are members, `line` having been read from `buf`; for gat and gats with the expiry time. */
export function buildFragment(line: RequestLine, buf: Buffer, members: Int32Array, count: number): Fragment {
  const { argStarts, argEnds, exptimeStart, exptimeEnd, command } = line;
  const name = command!.nameBytes;
  // Words are copied with the space before them; neighbours at once where there is no more than that between them.
  let from = exptimeEnd > exptimeStart ? exptimeStart - 1 : exptimeEnd;
  let to = exptimeEnd;
  let size = name.length + 2 + to - from;
  for (let i = 0; i < count; i++) size += 1 + argEnds[members[i]!]! - argStarts[members[i]!]!;

  const block = takeBlock(size);
  const out = block.bytes;
  const source = addressOf(buf);
  let at = name.copy(out, 0);
  for (let i = 0; i < count; i++) {
    const member = members[i]!;
    const space = argStarts[member]! - 1;
    if (space !== to) {
      copyBytes(out, block.address, at, buf, source, from, to);
      at += to - from;
      from = space;
    }
    to = argEnds[member]!;
  }
  copyBytes(out, block.address, at, buf, source, from, to);
  at += to - from;
  out[at++] = CR;
  out[at] = LF;
  return { block, length: size };
}
