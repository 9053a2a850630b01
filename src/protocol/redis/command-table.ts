// The command table: COMMAND's data and Ringmaster's policy, one object per command and subcommand, found by the bytes of
// the name in any case without making a string of them.
import {
  FLAG_BLOCKS,
  FLAG_READS,
  FLAG_RESENDABLE,
  FLAG_SUBSCRIBES,
  FLAG_WRITES,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_SAME_SERVER,
  ROUTE_SPLIT,
  type Route,
} from '../protocol.ts';
import { COMMAND_ROWS, type CommandRow } from './command-data.ts';
import {
  ANSWERED_ALIKE,
  BEFORE_AUTH,
  CLUSTER_DISABLED,
  IN_CLUSTERS_ONLY,
  LOCAL,
  type MergeKind,
  MOVABLE_KEYS,
  type MovableKeys,
  REFUSED,
  refusalText,
  SPLIT,
  TO_ALL,
  TO_ANY,
  YOUNGER_ROWS,
} from './command-policy.ts';
import { errorReply } from './resp.ts';

// Where the keys are.
export const KEYS_NONE = 0;
/** One, at `firstKey`. */
export const KEYS_ONE = 1;
/** From `firstKey` to `lastKey`, every `keyStep`. */
export const KEYS_RANGE = 2;
/** See `movable`. */
export const KEYS_MOVABLE = 3;

/** One command, or subcommand (`client|setname`). */
export class Command {
  /** Index in `COMMANDS`. */
  readonly id: number;
  /** Lower case; a subcommand's is `container|subcommand`. */
  readonly name: string;
  /** The last part of the name: what is compared with an argument. */
  readonly word: Buffer;
  /** Number of arguments with the name; negative: at least so many. */
  readonly arity: number;
  readonly firstKey: number;
  /** Negative: counted from the end. */
  readonly lastKey: number;
  readonly keyStep: number;
  readonly flags: string;
  /** What it does, as a set of FLAG_…. */
  readonly effects: number;
  readonly categories: string;
  readonly route: Route;
  readonly keys: number;
  readonly movable: MovableKeys | null;
  readonly merge: MergeKind | null;
  /** Not proxied: what the client reads. Null for all that is. */
  readonly refusal: Buffer | null;
  readonly wrongArity: Buffer;
  readonly isAllowedBeforeAuth: boolean;
  /** Answered by Ringmaster, and by any server with the same bytes. */
  readonly isAnsweredAlike: boolean;
  /** The connection closes after the answer. */
  readonly closesClient: boolean;
  /** Null for what has no subcommands. */
  subcommands: CommandIndex | null = null;

  constructor(id: number, row: CommandRow) {
    [this.name, this.arity, this.firstKey, this.lastKey, this.keyStep, this.flags, this.categories] = row;
    this.id = id;
    const { name } = this;
    this.word = Buffer.from(name.slice(name.indexOf('|') + 1));
    this.movable = MOVABLE_KEYS[name] ?? null;
    this.merge = SPLIT[name] ?? TO_ALL[name] ?? null;
    this.refusal = refusalOf(name);
    const wrongArity = `wrong number of arguments for '${name}' command`;
    // EXEC has words of its own: whatever is wrong with it ends the transaction.
    const isExec = name === 'exec';
    this.wrongArity = errorReply(
      isExec ? `EXECABORT Transaction discarded because of: ${wrongArity}` : `ERR ${wrongArity}`,
    );
    this.isAllowedBeforeAuth = BEFORE_AUTH.includes(name);
    this.isAnsweredAlike = ANSWERED_ALIKE.includes(name);
    this.closesClient = name === 'quit';
    this.effects = effectsOf(this.flags.split(' '), name);
    this.keys = this.keyPlaces();
    this.route = this.routeOf();
  }

  /** The bytes `buf[start, end)` are this command's word, in any case. */
  isNamed(buf: Buffer, start: number, end: number): boolean {
    const { word } = this;
    if (end - start !== word.length) return false;
    for (let i = 0; i < word.length; i++) {
      let byte = buf[start + i]!;
      if (byte >= UPPER_A && byte <= UPPER_Z) byte |= CASE_BIT;
      if (byte !== word[i]) return false;
    }
    return true;
  }

  private keyPlaces(): number {
    if (this.movable !== null) return KEYS_MOVABLE;
    if (this.firstKey === 0) return KEYS_NONE;
    return this.firstKey === this.lastKey ? KEYS_ONE : KEYS_RANGE;
  }

  private routeOf(): Route {
    const { name } = this;
    if (this.refusal !== null || LOCAL.includes(name)) return ROUTE_LOCAL;
    if (name in SPLIT) return ROUTE_SPLIT;
    if (name in TO_ALL) return ROUTE_ALL;
    if (TO_ANY.includes(name)) return ROUTE_ANY;
    if (this.keys === KEYS_ONE) return ROUTE_KEY;
    return ROUTE_SAME_SERVER;
  }
}

/** Redis says `readonly` and `write` of commands that touch keys; one that is neither and has none is taken to write. */
function effectsOf(flags: readonly string[], name: string): number {
  let effects = 0;
  if (flags.includes('readonly')) effects |= FLAG_READS | FLAG_RESENDABLE;
  else if (flags.includes('write')) effects |= FLAG_READS | FLAG_WRITES;
  else effects |= FLAG_WRITES;
  if (flags.includes('blocking')) effects |= FLAG_BLOCKS;
  if (SUBSCRIBING.includes(name)) effects |= FLAG_SUBSCRIBES;
  return effects;
}

const SUBSCRIBING: readonly string[] = ['monitor', 'psubscribe', 'ssubscribe', 'subscribe'];

/** Commands by name: open addressing over a hash of the case-folded bytes. */
export class CommandIndex {
  private readonly slots: (Command | null)[];
  private readonly mask: number;

  constructor(commands: readonly Command[]) {
    let size = 4;
    // Mostly empty, so that nearly every look-up ends at its first slot.
    while (size < commands.length * 8) size *= 2;
    this.mask = size - 1;
    this.slots = new Array<Command | null>(size).fill(null);
    for (const command of commands) {
      let slot = hashName(command.word, 0, command.word.length) & this.mask;
      while (this.slots[slot] !== null) slot = (slot + 1) & this.mask;
      this.slots[slot] = command;
    }
  }

  /** The command that `buf[start, end)` names, in any case, or null. */
  find(buf: Buffer, start: number, end: number): Command | null {
    if (end - start > MAX_NAME_BYTES) return null;
    for (let slot = hashName(buf, start, end) & this.mask; ; slot = (slot + 1) & this.mask) {
      const command = this.slots[slot]!;
      if (command === null || command.isNamed(buf, start, end)) return command;
    }
  }
}

/** FNV-1a with the case bit of every byte set: names that differ only in case meet. */
function hashName(buf: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (buf[i]! | CASE_BIT), 0x01000193);
  return hash ^ (hash >>> 15);
}

function refusalOf(name: string): Buffer | null {
  if (IN_CLUSTERS_ONLY.includes(name)) return errorReply(CLUSTER_DISABLED);
  const why = REFUSED.get(name);
  return why === undefined ? null : errorReply(refusalText(name, why));
}

const UPPER_A = 65;
const UPPER_Z = 90;
const CASE_BIT = 32;
/** The longest name has 21 bytes; nobody hashes a value sent in a name's place. */
const MAX_NAME_BYTES = 32;

/** Every command and subcommand that Redis 7.0 has, and a few younger ones. */
export const COMMANDS: readonly Command[] = [...COMMAND_ROWS, ...YOUNGER_ROWS].map((row, id) => new Command(id, row));

/** The commands that are no subcommands. */
export const TOP_COMMANDS: readonly Command[] = COMMANDS.filter(command => !command.name.includes('|'));

/** The table by the first argument's bytes. */
export const COMMAND_INDEX = new CommandIndex(TOP_COMMANDS);

for (const container of TOP_COMMANDS) {
  const subcommands = subcommandsOf(container);
  if (subcommands.length > 0) container.subcommands = new CommandIndex(subcommands);
}

/** A container's subcommands. */
export function subcommandsOf(container: Command): readonly Command[] {
  return COMMANDS.filter(command => command.name.startsWith(`${container.name}|`));
}

/** Stands where no command was found. */
export const UNKNOWN_COMMAND_NAME = 'unknown';
