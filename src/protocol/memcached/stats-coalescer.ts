import type { ReplyOut } from '../../request/request.ts';
import type { Coalescer } from '../protocol.ts';
import { firstError } from './first-line-coalescer.ts';
import { END } from './replies.ts';

// stats is for people and their monitoring, a few times a minute: strings and maps are fine here. But what a server says
// is not to be trusted in its length: the scanner bounds one reply, and this what is merged.

/** How two servers' values of one statistic become one. */
type Merge = (a: string, b: string) => string;

const first: Merge = a => a;
const least: Merge = (a, b) => (Number(b) < Number(a) ? b : a);
const greatest: Merge = (a, b) => (Number(b) > Number(a) ? b : a);

const INTEGER = /^-?\d{1,40}$/;
const DECIMAL = /^-?\d{1,40}(\.\d{1,20})?$/;

/** Whole numbers exactly, of any size; fractions with the digits the first one has; anything else: the first. */
const sum: Merge = (a, b) => {
  if (INTEGER.test(a) && INTEGER.test(b)) return String(BigInt(a) + BigInt(b));
  if (!DECIMAL.test(a) || !DECIMAL.test(b)) return a;
  return (Number(a) + Number(b)).toFixed(a.split('.')[1]?.length ?? 0);
};

/** What is not a count and so is not added up. The name of a statistic of a slab class is the part after its number. */
const MERGE_BY_NAME: ReadonlyMap<string, Merge> = new Map([
  ['pid', first],
  ['version', first],
  ['libevent', first],
  ['pointer_size', first],
  // So a restart shows.
  ['uptime', least],
  ['time', greatest],
  ['accepting_conns', least],
  ['hash_power_level', greatest],
  ['hash_is_expanding', greatest],
  ['slab_reassign_running', greatest],
  ['lru_crawler_running', greatest],
  // stats items: seconds.
  ['age', greatest],
  ['age_hot', greatest],
  ['age_warm', greatest],
  ['evicted_time', greatest],
  // stats slabs: properties of a class.
  ['chunk_size', first],
  ['chunks_per_page', first],
  ['active_slabs', greatest],
]);

/** All replies together: as much as 200 servers say of all their slab classes. Text costs several times its bytes. */
const MAX_MERGED_BYTES = 16 * 1024 * 1024;
/** Statistics of different names: memcached has about 1,000 at most, of its slab classes. */
const MAX_MERGED_NAMES = 16 * 1024;
const TOO_MANY = Buffer.from('SERVER_ERROR the statistics of all servers are too many to be merged\r\n', 'latin1');

const LF = 10;
const STAT_PREFIX = Buffer.from('STAT ', 'latin1');

class StatsCoalescer implements Coalescer {
  private readonly mergeOf: (name: string) => Merge;

  constructor(mergeOf: (name: string) => Merge) {
    this.mergeOf = mergeOf;
  }

  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const error = firstError(parts);
    if (error !== null) {
      out.appendOwned(error);
      return;
    }
    const values = new Map<string, string>();
    if (totalBytes(parts) > MAX_MERGED_BYTES || !parts.every(part => this.add(part, values))) {
      out.appendOwned(TOO_MANY);
      return;
    }
    let text = '';
    for (const [name, value] of values) text += `STAT ${name} ${value}\r\n`;
    out.appendOwned(Buffer.from(`${text}END\r\n`, 'latin1'));
  }

  /** Adds the statistics of one server; false when they are too many. */
  private add(part: Buffer, values: Map<string, string>): boolean {
    for (let at = 0; at < part.length; ) {
      const lineEnd = part.indexOf(LF, at);
      if (isStat(part, at, lineEnd)) {
        const line = part.toString('latin1', at + STAT_PREFIX.length, lineEnd - 1);
        const nameEnd = line.indexOf(' ');
        const name = nameEnd < 0 ? line : line.slice(0, nameEnd);
        const value = nameEnd < 0 ? '' : line.slice(nameEnd + 1);
        const merged = values.get(name);
        if (merged === undefined && values.size === MAX_MERGED_NAMES) return false;
        values.set(name, merged === undefined ? value : this.mergeOf(name)(merged, value));
      }
      at = lineEnd + 1;
    }
    return true;
  }
}

/** The line `part[start, end]` is one of a statistic. */
function isStat(part: Buffer, start: number, end: number): boolean {
  if (end - start <= STAT_PREFIX.length) return false;
  return part.compare(STAT_PREFIX, 0, STAT_PREFIX.length, start, start + STAT_PREFIX.length) === 0;
}

function totalBytes(parts: readonly Buffer[]): number {
  return parts.reduce((total, part) => total + part.length, 0);
}

/** Counts are added up; see the table for the others. */
export const statsCoalescer: Coalescer = new StatsCoalescer(
  name => MERGE_BY_NAME.get(name.slice(name.lastIndexOf(':') + 1)) ?? sum,
);

/** Settings are not counts: those of the first server. */
export const settingsCoalescer: Coalescer = new StatsCoalescer(() => first);

/** The lines of all servers and one END; a single word (`stats detail on`: OK) once. */
export const linesCoalescer: Coalescer = {
  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const word = firstError(parts) ?? parts.find(part => !END.equals(part.subarray(part.length - END.length)));
    if (word !== undefined) {
      out.appendOwned(word);
      return;
    }
    for (const part of parts) out.append(part, 0, part.length - END.length);
    out.appendOwned(END);
  },
};
