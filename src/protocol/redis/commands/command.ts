// One command or subcommand: what is published about it, and what becomes of it.
import {
  FLAG_AUDITED,
  FLAG_BLOCKS,
  FLAG_PAUSED_AS_WRITE,
  FLAG_READS,
  FLAG_RESENDABLE,
  FLAG_SUBSCRIBES,
  FLAG_VALUES,
  FLAG_WRITES,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_ASIDE,
  ROUTE_AUDIENCE,
  ROUTE_CLIENTS,
  ROUTE_EVERY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_PRIVATE,
  ROUTE_PUBLICATION,
  ROUTE_SAME_SERVER,
  ROUTE_SERVER,
  ROUTE_SPLIT,
  ROUTE_SUBSCRIPTION,
  type Route,
} from '../../routes.ts';
import { type PrefixRule, prefixRuleOf } from '../key-prefix/prefix-policy.ts';
import { errorReply } from '../resp.ts';
import type { CommandRow } from './command-data.ts';
import { CLUSTER_DISABLED, FAMILY_OF, type Family } from './command-families.ts';
import {
  ANSWERED_ALIKE,
  ASIDE,
  BEFORE_AUTH,
  FINDERS,
  type Finder,
  LOCAL,
  MAY_REPLICATE,
  type MergeKind,
  refusalText,
  SCRIPT_PLACES,
  SCRIPTS,
  SPLIT,
  TO_ALL,
  TO_ANY,
  TO_EVERY,
} from './command-policy.ts';
import { KeySpec } from './key-spec.ts';

// Where the keys are.
export const KEYS_NONE = 0;
/** One, at `firstKey`, which every request of the right arity has. */
export const KEYS_ONE = 1;
/** From `firstKey` to `lastKey`, every `keyStep`; every request of the right arity has the first. */
export const KEYS_RANGE = 2;
/** The arguments say: `finder`, else `keySpecs`. */
export const KEYS_BY_ARGUMENTS = 3;

/** Where a command is known from: `learned` from a server's COMMAND, `declared` by the configuration, else CommandRow's. */
export type Origin = CommandRow[9] | 'learned' | 'declared';

export class Command {
  /** Index in the pool's rules; that of `COMMANDS` for those of the table. */
  readonly id: number;
  /** Lower case; a subcommand's is `container|subcommand`. */
  readonly name: string;
  /** The last part of the name: what is compared with an argument. */
  readonly word: Buffer;
  /** Number of arguments with the name; negative: at least so many. */
  readonly arity: number;
  /** As `arity`, for what is let through: some commands have got optional arguments since. */
  readonly acceptedArity: number;
  readonly firstKey: number;
  /** Negative: counted from the end. */
  readonly lastKey: number;
  readonly keyStep: number;
  readonly flags: string;
  /** What it does, as a set of FLAG_…. */
  readonly effects: number;
  readonly categories: string;
  readonly keySpecs: readonly KeySpec[];
  readonly tips: string;
  readonly origin: Origin;
  readonly route: Route;
  readonly keys: number;
  readonly finder: Finder | null;
  readonly merge: MergeKind | null;
  /** Not proxied unless `isServedByOne`: what the client reads. Null for all that is. */
  readonly refusal: Buffer | null;
  readonly family: Family | null;
  /** A pool of one server sends it there although it is refused elsewhere. */
  readonly isServedByOne: boolean;
  /** A pool of several servers needs to be told where it runs without keys. */
  readonly isScript: boolean;
  /** The argument that is a script, or its digest; 0: none is. */
  readonly scriptAt: number;
  readonly isByDigest: boolean;
  /** It has an option that names another database. */
  readonly isChoosingDatabase: boolean;
  readonly prefixRule: PrefixRule;
  readonly wrongArity: Buffer;
  readonly isAllowedBeforeAuth: boolean;
  /** Answered by Ringmaster, and by any server with the same bytes. */
  readonly isAnsweredAlike: boolean;
  /** The connection closes after the answer. */
  readonly closesClient: boolean;
  /** There may be a password among its arguments. */
  readonly takesPassword: boolean;
  /** Null for what has no subcommands; set with `subcommandList`. */
  subcommands: CommandIndex | null = null;
  subcommandList: readonly Command[] = [];

  constructor(id: number, row: CommandRow, origin: Origin = row[9]) {
    [this.name, this.arity, this.firstKey, this.lastKey, this.keyStep, this.flags, this.categories] = row;
    const { name } = this;
    const family = FAMILY_OF.get(name);
    this.id = id;
    this.word = Buffer.from(name.slice(name.indexOf('|') + 1));
    this.acceptedArity = row[10] ?? this.arity;
    this.keySpecs = row[7].map(spec => new KeySpec(spec));
    this.tips = row[8];
    this.origin = origin;
    this.finder = FINDERS[name] ?? null;
    this.merge = SPLIT[name] ?? TO_ALL[name] ?? TO_EVERY[name] ?? ASIDE[name] ?? null;
    this.family = family?.family ?? null;
    this.isScript = SCRIPTS.includes(name);
    this.scriptAt = SCRIPT_PLACES[name] ?? 0;
    this.isByDigest = name.startsWith('evalsha');
    this.prefixRule = prefixRuleOf(name);
    this.isChoosingDatabase = name === 'copy' || name === 'move';
    const wrongArity = `wrong number of arguments for '${name}' command`;
    // EXEC has words of its own: whatever is wrong with it ends the transaction.
    const isExec = name === 'exec';
    this.wrongArity = errorReply(
      isExec ? `EXECABORT Transaction discarded because of: ${wrongArity}` : `ERR ${wrongArity}`,
    );
    this.isAllowedBeforeAuth = BEFORE_AUTH.includes(name);
    this.isAnsweredAlike = ANSWERED_ALIKE.includes(name);
    this.closesClient = name === 'quit';
    this.takesPassword = name === 'auth' || name === 'hello';
    const flags = this.flags.split(' ');
    this.effects = effectsOf(name, flags, this.family) | (isAudited(name, this.categories) ? FLAG_AUDITED : 0);
    this.keys = this.keyPlaces(flags);
    const isHarmless = !flags.some(flag => HARMFUL_FLAGS.includes(flag));
    this.isServedByOne = family?.isServedByOne ?? (this.isUnlisted && isHarmless);
    this.refusal = this.refusalOf(family?.why);
    this.route = this.routeOf();
  }

  /** Makes it the container of these. */
  contain(subcommands: readonly Command[]): void {
    this.subcommandList = subcommands;
    this.subcommands = new CommandIndex(subcommands);
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

  private keyPlaces(flags: readonly string[]): number {
    if (this.finder !== null) return this.finder === 'one_key' ? KEYS_ONE : KEYS_BY_ARGUMENTS;
    if (this.keySpecs.length === 0) return KEYS_NONE;
    const { firstKey, lastKey } = this;
    const isAlwaysThere = Math.abs(this.acceptedArity) > Math.max(firstKey, lastKey);
    if (firstKey === 0 || !isAlwaysThere || flags.includes('movablekeys')) return KEYS_BY_ARGUMENTS;
    return firstKey === lastKey ? KEYS_ONE : KEYS_RANGE;
  }

  private refusalOf(why: string | null | undefined): Buffer | null {
    const { name } = this;
    if (this.family === 'cluster') return errorReply(CLUSTER_DISABLED);
    if (why === null) return null;
    if (why !== undefined) return errorReply(refusalText(name, why));
    if (this.isUnlisted && (this.effects & FLAG_BLOCKS) !== 0) return errorReply(refusalText(name, BLOCKS));
    const isListed =
      name in TO_ALL || name in TO_EVERY || name in ASIDE || TO_ANY.includes(name) || LOCAL.includes(name);
    if (isListed || this.keys !== KEYS_NONE) return null;
    return errorReply(refusalText(name, 'it has no keys that would say which server it is for'));
  }

  /** Nobody has looked at it: what its flags say is all that is known. */
  get isUnlisted(): boolean {
    return this.origin === 'learned' || this.origin === 'declared';
  }

  /** Begins, ends or makes a transaction. */
  get isTransactional(): boolean {
    return this.family === 'transaction';
  }

  private routeOf(): Route {
    const { name } = this;
    if (this.refusal !== null || LOCAL.includes(name)) return ROUTE_LOCAL;
    if (this.isTransactional || this.family === 'blocking') return ROUTE_PRIVATE;
    if (this.family === 'subscription') return ROUTE_SUBSCRIPTION;
    if (this.family === 'publication') return ROUTE_PUBLICATION;
    if (this.family === 'audience') return ROUTE_AUDIENCE;
    if (this.family === 'clients') return ROUTE_CLIENTS;
    if (name in SPLIT) return ROUTE_SPLIT;
    if (name in TO_ALL) return ROUTE_ALL;
    if (name in TO_EVERY) return ROUTE_EVERY;
    if (name in ASIDE) return ROUTE_ASIDE;
    if (name === 'scan') return ROUTE_SERVER;
    if (TO_ANY.includes(name)) return ROUTE_ANY;
    return this.keys === KEYS_ONE ? ROUTE_KEY : ROUTE_SAME_SERVER;
  }
}

/** A null in their reply is a key, or a field of the one key, that is not there. */
const VALUE_COMMANDS = ['get', 'getex', 'getdel', 'mget', 'hget'];

/** Redis says `readonly` and `write` of commands that touch keys; one that is neither and has none is taken to write. */
function effectsOf(name: string, flags: readonly string[], family: Family | null): number {
  let effects = 0;
  if (flags.includes('readonly')) effects |= FLAG_READS | FLAG_RESENDABLE;
  else if (flags.includes('write')) effects |= FLAG_READS | FLAG_WRITES;
  else effects |= FLAG_WRITES;
  if (flags.includes('write') || MAY_REPLICATE.includes(name)) effects |= FLAG_PAUSED_AS_WRITE;
  if (flags.includes('blocking') || family === 'blocking') effects |= FLAG_BLOCKS;
  if (family === 'subscription') effects |= FLAG_SUBSCRIBES;
  return VALUE_COMMANDS.includes(name) ? effects | FLAG_VALUES : effects;
}

/** By Redis's own categories, and what puts code onto servers or takes it from them, for which it has none. */
function isAudited(name: string, categories: string): boolean {
  if (/^(?:script|function)\|(?:load|flush|kill|delete|restore)$/.test(name)) return true;
  return /\b(?:dangerous|admin)\b/.test(categories);
}

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
    if (end - start > MAX_COMMAND_NAME_BYTES) return null;
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

const BLOCKS = 'it blocks its server connection, which other clients share';
/** What a command that nobody has looked at may not be, to be sent to the only server without knowing its keys. */
const HARMFUL_FLAGS: readonly string[] = ['admin', 'blocking', 'pubsub'];
const UPPER_A = 65;
const UPPER_Z = 90;
const CASE_BIT = 32;
/** The longest name has 23 bytes; nobody hashes a value sent in a name's place. */
export const MAX_COMMAND_NAME_BYTES = 32;
