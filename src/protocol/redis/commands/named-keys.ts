// The keys that a request names and what it does to each, as far as rights are concerned: getKeysFromCommandWithSpecs in
// Redis's db.c and ACLSelectorCheckKey in its acl.c.

import { KeyRanges, type RequestArgs } from '../request-args.ts';
import { type Command, KEYS_NONE, KEYS_ONE, KEYS_RANGE } from './command.ts';
import { flagsByArguments } from './command-keys.ts';
import { findKeys } from './key-finder.ts';
import { SPEC_FOUND } from './key-spec.ts';

// Sets of them. A key of which neither is needed is only asked about.
export const NEEDS_READ = 1;
export const NEEDS_WRITE = 2;

const VARIABLE = 'variable_flags';
const NOT_KEY = 'not_key';

/** The keys of the request last looked at; reused. */
export class NamedKeys {
  readonly ranges = new KeyRanges();
  private needs = new Uint8Array(64);

  get count(): number {
    return this.ranges.count;
  }

  /** What the request needs of key `index`. */
  needsOf(index: number): number {
    return this.needs[index]!;
  }

  /** Takes the keys of a request whose arity is right; none where its arguments don't say, which the server words. */
  read(command: Command, args: RequestArgs): void {
    const { ranges } = this;
    ranges.count = 0;
    if (command.keys === KEYS_NONE && command.keySpecs.length === 0) return;
    const { finder, keySpecs } = command;
    const [first] = keySpecs;
    if (finder === 'sort' || finder === 'geo_store') this.readStoring(command, args);
    else if (finder === 'channel') return;
    else if (isPlain(command)) {
      findKeys(command, args, ranges);
      this.fill(0, needsOfFlags(first!.flags.includes(VARIABLE) ? flagsByArguments(command, args) : first!.flags));
    } else this.readSpecs(command, args);
  }

  private readSpecs(command: Command, args: RequestArgs): void {
    const { ranges } = this;
    for (const spec of command.keySpecs) {
      if (spec.flags.includes(NOT_KEY)) continue;
      const before = ranges.count;
      const isFound = spec.findKeys(args, ranges) === SPEC_FOUND;
      // To Redis, none where some are counted is a mistake, which the command words.
      const isNone = spec.find?.[0] === 'keynum' && ranges.count === before;
      if ((!isFound || isNone) && !spec.isIncomplete) {
        ranges.count = 0;
        return;
      }
      this.fill(before, needsOfFlags(spec.flags));
    }
  }

  /** The first is read; what others it names are written to, of which the last counts for the server, and all for us. */
  private readStoring(command: Command, args: RequestArgs): void {
    const { ranges } = this;
    ranges.add(args.starts[1]!, args.ends[1]!);
    this.fill(0, NEEDS_READ);
    const from = command.finder === 'sort' ? 2 : -command.arity;
    for (let at = from; at + 1 < args.count; at++) {
      if (args.isWord(at, 'store') || (from > 2 && args.isWord(at, 'storedist'))) {
        at++;
        ranges.add(args.starts[at]!, args.ends[at]!);
        this.fill(ranges.count - 1, NEEDS_WRITE);
      } else if (from === 2 && args.isWord(at, 'limit')) at += 2;
      else if (from === 2 && (args.isWord(at, 'get') || args.isWord(at, 'by'))) at++;
    }
  }

  private fill(from: number, needs: number): void {
    const { count } = this.ranges;
    if (count > this.needs.length) {
      const larger = new Uint8Array(count * 2);
      larger.set(this.needs);
      this.needs = larger;
    }
    this.needs.fill(needs, from, count);
  }
}

/** All its keys are where the command says, and of one kind. */
function isPlain({ keys, keySpecs }: Command): boolean {
  return (keys === KEYS_ONE || keys === KEYS_RANGE) && keySpecs.length === 1 && !keySpecs[0]!.flags.includes(NOT_KEY);
}

const known = new Map<string, number>();
/** Servers tell of commands that nobody knew, with flags of any kind. */
const MAX_KNOWN = 1000;

/** Flags as a key specification has them. */
function needsOfFlags(flags: string): number {
  let needs = known.get(flags);
  if (needs !== undefined) return needs;
  const words = flags.split(' ');
  needs = words.includes('access') ? NEEDS_READ : 0;
  if (['insert', 'delete', 'update'].some(word => words.includes(word))) needs |= NEEDS_WRITE;
  if (known.size < MAX_KNOWN) known.set(flags, needs);
  return needs;
}
