import type { ReplyOut } from '../../request/request.ts';
import type { Coalescer } from '../protocol.ts';
import { firstError } from './first-line-coalescer.ts';
import { END } from './replies.ts';

// stats is for people and their monitoring, a few times a minute: strings and maps are fine here.

/** How the values of one statistic of several servers become one. */
type Merge = (values: readonly string[]) => string;

const first: Merge = values => values[0]!;
const least: Merge = values => values.reduce((a, b) => (Number(b) < Number(a) ? b : a));
const greatest: Merge = values => values.reduce((a, b) => (Number(b) > Number(a) ? b : a));

/** Whole numbers exactly, of any size; fractions with the digits the first one has; anything else: the first. */
const sum: Merge = values => {
  if (values.every(value => /^-?\d+$/.test(value))) return String(values.reduce((total, v) => total + BigInt(v), 0n));
  if (!values.every(value => /^-?\d+(\.\d+)?$/.test(value))) return first(values);
  const digits = values[0]!.split('.')[1]?.length ?? 0;
  return values.reduce((total, value) => total + Number(value), 0).toFixed(digits);
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
    const values = new Map<string, string[]>();
    for (const part of parts) {
      for (const line of statLines(part)) {
        const nameEnd = line.indexOf(' ');
        const name = nameEnd < 0 ? line : line.slice(0, nameEnd);
        const value = nameEnd < 0 ? '' : line.slice(nameEnd + 1);
        const list = values.get(name);
        if (list === undefined) values.set(name, [value]);
        else list.push(value);
      }
    }
    let text = '';
    for (const [name, list] of values) text += `STAT ${name} ${this.mergeOf(name)(list)}\r\n`;
    out.appendOwned(Buffer.from(`${text}END\r\n`, 'latin1'));
  }
}

/** The lines of a STATS reply without `STAT ` and CRLF. */
function statLines(part: Buffer): string[] {
  return part
    .toString('latin1')
    .split('\r\n')
    .filter(line => line.startsWith('STAT '))
    .map(line => line.slice('STAT '.length));
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
