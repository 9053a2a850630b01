import type { KeyRanges, RequestArgs } from '../request-args.ts';
import type { KeySpecRow } from './command-data.ts';

/** The keys that this specification is about were found; there may be none. */
export const SPEC_FOUND = 0;
/** The arguments are not what the specification says of them: too few, or no number where one must be. */
export const SPEC_UNCLEAR = 1;
/** The specification itself says that it cannot tell. */
export const SPEC_UNKNOWN = 2;

/** A key specification as COMMAND gives it, read as getKeysUsingKeySpecs in Redis's db.c reads it. */
export class KeySpec {
  /** `RO access`, … */
  readonly flags: string;
  readonly notes: string | null;
  /** Where the search begins: at this index, … */
  readonly beginIndex: number;
  /** … or after this word, in lower case, looked for from `keywordFrom` on; negative: backwards from the end. */
  readonly keyword: string | null;
  readonly keywordFrom: number;
  readonly find: KeySpecRow[2];
  readonly isIncomplete: boolean;

  constructor([flags, begin, find, notes]: KeySpecRow) {
    const isKeyword = begin !== null && typeof begin !== 'number';
    this.flags = flags;
    this.notes = notes ?? null;
    this.beginIndex = typeof begin === 'number' ? begin : 0;
    this.keyword = isKeyword ? begin[0].toLowerCase() : null;
    this.keywordFrom = isKeyword ? begin[1] : 0;
    this.find = find;
    this.isIncomplete = begin === null || find === null || / incomplete\b/.test(` ${flags}`);
  }

  /** Adds the ranges of its keys to `keys`; returns one of the constants above. */
  findKeys(args: RequestArgs, keys: KeyRanges): number {
    if (this.isIncomplete) return SPEC_UNKNOWN;
    const first = this.keyword === null ? this.beginIndex : this.afterKeyword(args);
    // An optional part that is not there.
    if (first === NO_KEYWORD) return SPEC_FOUND;
    if (first >= args.count) return SPEC_UNCLEAR;
    const [kind, one, two, three] = this.find!;
    return kind === 'range'
      ? addRange(args, keys, first, one, two, three)
      : addCounted(args, keys, first + one, first + two, three);
  }

  /** The index after the keyword, or NO_KEYWORD. */
  private afterKeyword(args: RequestArgs): number {
    const { keywordFrom } = this;
    const step = keywordFrom > 0 ? 1 : -1;
    let at = keywordFrom > 0 ? keywordFrom : args.count + keywordFrom;
    for (; at > 0 && at < args.count; at += step) if (args.isWord(at, this.keyword!)) return at + 1;
    return NO_KEYWORD;
  }
}

const NO_KEYWORD = -1;

function addRange(
  args: RequestArgs,
  keys: KeyRanges,
  first: number,
  lastKey: number,
  step: number,
  limit: number,
): number {
  let last = first + lastKey;
  if (lastKey < 0) {
    last = limit <= 1 ? args.count + lastKey : first + Math.trunc((args.count - first) / limit) + lastKey;
  }
  if (last < first || last >= args.count) return SPEC_UNCLEAR;
  keys.addArguments(args, first, last, step);
  return SPEC_FOUND;
}

function addCounted(args: RequestArgs, keys: KeyRanges, countAt: number, first: number, step: number): number {
  if (countAt >= args.count) return SPEC_UNCLEAR;
  const count = args.integer(countAt);
  if (!(count >= 0 && first + count * step <= args.count)) return SPEC_UNCLEAR;
  if (count > 0) keys.addArguments(args, first, first + (count - 1) * step, step);
  return SPEC_FOUND;
}
