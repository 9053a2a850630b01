import type { Coalescer } from '../protocol.ts';
import { firstLineCoalescer } from './first-line-coalescer.ts';
import type { RequestLine } from './request-line.ts';
import { linesCoalescer, settingsCoalescer, statsCoalescer } from './stats-coalescer.ts';

/** Merging of the replies to `stats` and its subcommands. Others are per server and not answered through the proxy. */
const SUBCOMMANDS: ReadonlyMap<string, Coalescer> = new Map([
  ['items', statsCoalescer],
  ['slabs', statsCoalescer],
  ['sizes', statsCoalescer],
  ['extstore', statsCoalescer],
  ['settings', settingsCoalescer],
  ['reset', firstLineCoalescer],
  // Key names with their sizes, and statistics by key prefix: what each server says, one after the other.
  ['cachedump', linesCoalescer],
  ['detail', linesCoalescer],
]);

/** More words must follow, or what comes is no list of statistics. */
const MULTI_WORD: ReadonlySet<string> = new Set(['cachedump', 'detail']);

const LONGEST_SUBCOMMAND_BYTES = Math.max(...Array.from(SUBCOMMANDS.keys(), name => name.length));

/** As `statsCoalescerFor`, of a binary request: `name` is all that follows `stats `. */
export function statsCoalescerNamed(name: string): Coalescer | null {
  if (name === '') return statsCoalescer;
  if (name === 'detail on' || name === 'detail off') return linesCoalescer;
  return MULTI_WORD.has(name) ? null : (SUBCOMMANDS.get(name) ?? null);
}

/** How to merge the replies to this stats line, or null when it is refused. */
export function statsCoalescerFor(line: RequestLine, buf: Buffer): Coalescer | null {
  if (line.argCount === 0) return statsCoalescer;
  const start = line.argStarts[0]!;
  const end = line.argEnds[0]!;
  if (end - start > LONGEST_SUBCOMMAND_BYTES) return null;
  return SUBCOMMANDS.get(buf.toString('latin1', start, end)) ?? null;
}
