// The commands of memcached's text protocol and its meta commands, and how many arguments memcached 1.6.18 takes after the
// command's name. A command it answers and we do not (bget, watch, lru_crawler, …) is missing here and gets `ERROR`, as an
// unknown one does.

import {
  FLAG_AUDITED,
  FLAG_OVERWRITES,
  FLAG_READS,
  FLAG_REMOVES,
  FLAG_RESENDABLE,
  FLAG_VALUES,
  FLAG_WRITES,
} from '../routes.ts';

export const KIND_GET = 0;
/** The first argument is an expiry time, the others are keys. */
export const KIND_GAT = 1;
/** A header line and a data block. */
export const KIND_STORE = 2;
/** A key and a number. */
export const KIND_NUMBER = 3;
export const KIND_DELETE = 4;
export const KIND_FLUSH = 5;
export const KIND_VERBOSITY = 6;
export const KIND_STATS = 7;
export const KIND_VERSION = 8;
export const KIND_QUIT = 9;
export const KIND_SHUTDOWN = 10;
export const KIND_META_GET = 11;
/** A header line and a data block, whose length is the second word. */
export const KIND_META_STORE = 12;
export const KIND_META_DELETE = 13;
export const KIND_META_ARITHMETIC = 14;
export const KIND_META_NOOP = 15;
export const KIND_META_DEBUG = 16;

export interface MemcachedCommand {
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly kind: number;
  /** Fewest and most arguments; the last may be `noreply`. More or less: `ERROR`. */
  readonly minArgs: number;
  readonly maxArgs: number;
  /** What it does, as a set of FLAG_…. */
  readonly effects: number;
}

const UNBOUNDED = 0x7fffffff;

/** What clears or stops a server. */
const AUDITED: readonly number[] = [KIND_FLUSH, KIND_SHUTDOWN, KIND_VERBOSITY];

function define(name: string, kind: number, minArgs: number, maxArgs: number): MemcachedCommand {
  return {
    name,
    nameBytes: Buffer.from(name, 'latin1'),
    kind,
    minArgs,
    maxArgs,
    effects: effectsOf(name, kind) | (AUDITED.includes(kind) ? FLAG_AUDITED : 0),
  };
}

function effectsOf(name: string, kind: number): number {
  if (name === 'set') return FLAG_WRITES | FLAG_OVERWRITES;
  switch (kind) {
    case KIND_GET:
      return FLAG_READS | FLAG_RESENDABLE | FLAG_VALUES;
    case KIND_STATS:
    case KIND_VERSION:
      return FLAG_READS | FLAG_RESENDABLE;
    case KIND_META_DEBUG:
      return FLAG_READS | FLAG_RESENDABLE;
    case KIND_GAT:
      return FLAG_READS | FLAG_WRITES | FLAG_RESENDABLE | FLAG_VALUES;
    // mg may create an item or set its time.
    case KIND_META_GET:
      return FLAG_READS | FLAG_WRITES | FLAG_VALUES;
    case KIND_META_ARITHMETIC:
    case KIND_NUMBER:
      return FLAG_READS | FLAG_WRITES;
    case KIND_DELETE:
      return FLAG_WRITES | FLAG_REMOVES;
    default:
      return FLAG_WRITES;
  }
}

export const COMMANDS: readonly MemcachedCommand[] = [
  define('get', KIND_GET, 1, UNBOUNDED),
  define('set', KIND_STORE, 4, 5),
  define('gets', KIND_GET, 1, UNBOUNDED),
  define('delete', KIND_DELETE, 1, 3),
  define('incr', KIND_NUMBER, 2, 3),
  define('decr', KIND_NUMBER, 2, 3),
  define('touch', KIND_NUMBER, 2, 3),
  define('add', KIND_STORE, 4, 5),
  define('cas', KIND_STORE, 5, 6),
  define('append', KIND_STORE, 4, 5),
  define('prepend', KIND_STORE, 4, 5),
  define('replace', KIND_STORE, 4, 5),
  define('gat', KIND_GAT, 1, UNBOUNDED),
  define('gats', KIND_GAT, 1, UNBOUNDED),
  define('flush_all', KIND_FLUSH, 0, 2),
  define('verbosity', KIND_VERBOSITY, 1, 2),
  define('stats', KIND_STATS, 0, UNBOUNDED),
  define('version', KIND_VERSION, 0, UNBOUNDED),
  define('quit', KIND_QUIT, 0, UNBOUNDED),
  define('shutdown', KIND_SHUTDOWN, 0, UNBOUNDED),
  define('mg', KIND_META_GET, 1, UNBOUNDED),
  define('ms', KIND_META_STORE, 1, UNBOUNDED),
  define('md', KIND_META_DELETE, 1, UNBOUNDED),
  define('ma', KIND_META_ARITHMETIC, 1, UNBOUNDED),
  define('mn', KIND_META_NOOP, 0, UNBOUNDED),
  define('me', KIND_META_DEBUG, 0, UNBOUNDED),
];

const LONGEST_NAME_BYTES = Math.max(...COMMANDS.map(command => command.name.length));

const byLength: readonly (readonly MemcachedCommand[])[] = Array.from({ length: LONGEST_NAME_BYTES + 1 }, (_, length) =>
  COMMANDS.filter(command => command.name.length === length),
);

/** The command whose name is `buf[start, end)`, byte for byte (memcached knows no upper case), or null. */
export function findCommand(buf: Buffer, start: number, end: number): MemcachedCommand | null {
  const length = end - start;
  if (length > LONGEST_NAME_BYTES) return null;
  const candidates = byLength[length]!;
  for (let i = 0; i < candidates.length; i++) {
    const name = candidates[i]!.nameBytes;
    let at = 0;
    while (at < length && buf[start + at] === name[at]) at++;
    if (at === length) return candidates[i]!;
  }
  return null;
}
