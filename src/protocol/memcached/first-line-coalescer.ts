import type { ReplyOut } from '../../request/request.ts';
import type { Coalescer } from '../protocol.ts';
import { LINE_ERROR, LINE_REFUSED, replyLineKind } from './reply-line.ts';

const LF = 10;

/** The first error among the parts, or null. A part is a complete reply, whose last line is its error. */
export function firstError(parts: readonly Buffer[]): Buffer | null {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const textEnd = part.length - 2;
    const lineStart = part.lastIndexOf(LF, textEnd) + 1;
    const kind = replyLineKind(part, lineStart, textEnd);
    if (kind === LINE_ERROR || kind === LINE_REFUSED) return part.subarray(lineStart);
  }
  return null;
}

/** Of servers that all answer one line (flush_all, verbosity, stats reset): the first error, else the first line. */
export const firstLineCoalescer: Coalescer = {
  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    out.appendOwned(firstError(parts) ?? parts[0]!);
  },
};
