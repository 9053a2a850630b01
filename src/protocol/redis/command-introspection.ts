// COMMAND and its subcommands: the command table as Redis shows its own, without what cannot be proxied.
import { COMMAND_INDEX, type Command, KEYS_NONE, subcommandsOf, TOP_COMMANDS } from './command-table.ts';
import { Glob } from './glob.ts';
import { findKeys } from './key-finder.ts';
import { KeyRanges, RequestArgs } from './request-args.ts';
import { PATTERN_TOO_LONG } from './request-errors.ts';
import {
  EMPTY_ARRAY,
  encodeReply,
  errorReply,
  ReplyMap,
  ReplySet,
  type ReplyValue,
  type RespVersion,
  SimpleText,
} from './resp.ts';
import type { RedisSession } from './session.ts';

const SYNTAX_ERROR = errorReply('ERR syntax error');
const INVALID_COMMAND = errorReply('ERR Invalid command specified');
const NO_KEYS = errorReply('ERR The command has no key arguments');
const WRONG_ARITY = errorReply('ERR Invalid number of arguments specified for command');
const INVALID_ARGUMENTS = errorReply('ERR Invalid arguments specified for command');

const OFFERED: readonly Command[] = TOP_COMMANDS.filter(isOffered);
const NO_DOCS = new ReplyMap([]);
const NOTHING = new ReplySet([]);
const everything: Record<RespVersion, Buffer | null> = { 2: null, 3: null };

/** COMMAND: everything, about 30 KB, encoded once. */
export function all({ respVersion }: RedisSession): Buffer {
  everything[respVersion] ??= encodeReply(OFFERED.map(describe), respVersion);
  return everything[respVersion];
}

/** COMMAND COUNT. */
export function count(): Buffer {
  return encodeReply(OFFERED.length);
}

/** COMMAND INFO [name …]; null for what is unknown or not proxied. */
export function info(args: RequestArgs, session: RedisSession): Buffer {
  if (args.count === 2) return all(session);
  const found: ReplyValue[] = [];
  for (let i = 2; i < args.count; i++) {
    const command = byName(args.text(i));
    found.push(command === null ? null : describe(command));
  }
  return encodeReply(found, session.respVersion);
}

/** COMMAND DOCS: clients do without. */
export function docs(session: RedisSession): Buffer {
  return encodeReply(NO_DOCS, session.respVersion);
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob]. */
export function list(args: RequestArgs): Buffer {
  if (args.count === 2) return encodeReply(OFFERED.map(command => command.name));
  if (args.count !== 5 || !args.isWord(2, 'filterby')) return SYNTAX_ERROR;
  const wanted = args.text(4).toLowerCase();
  if (args.isWord(3, 'module')) return EMPTY_ARRAY;
  if (args.isWord(3, 'aclcat')) return names(command => command.categories.split(' ').includes(wanted));
  if (!args.isWord(3, 'pattern')) return SYNTAX_ERROR;
  const glob = Glob.read(wanted);
  return glob === null ? PATTERN_TOO_LONG : names(command => glob.matches(command.name));
}

/** COMMAND GETKEYS command [argument …]. */
export function getKeys(args: RequestArgs): Buffer {
  const inner = new RequestArgs();
  inner.buf = args.buf;
  inner.starts = args.starts.slice(2, args.count);
  inner.ends = args.ends.slice(2, args.count);
  inner.count = args.count - 2;
  let command = COMMAND_INDEX.find(inner.buf, inner.starts[0]!, inner.ends[0]!);
  if (command?.subcommands && inner.count > 1) {
    command = command.subcommands.find(inner.buf, inner.starts[1]!, inner.ends[1]!);
  }
  if (command === null) return INVALID_COMMAND;
  if (command.keys === KEYS_NONE) return NO_KEYS;
  const { arity } = command;
  if (arity > 0 ? inner.count !== arity : inner.count < -arity) return WRONG_ARITY;
  const keys = new KeyRanges();
  findKeys(command, inner, keys);
  if (keys.count === 0 && !command.flags.includes('no_mandatory_keys')) return INVALID_ARGUMENTS;
  const found: Buffer[] = [];
  for (let i = 0; i < keys.count; i++) found.push(inner.buf.subarray(keys.starts[i]!, keys.ends[i]!));
  return encodeReply(found);
}

function isOffered(command: Command): boolean {
  return command.refusal === null && (!isContainer(command) || subcommandsOf(command).some(isOffered));
}

function isContainer(command: Command): boolean {
  return subcommandsOf(command).length > 0;
}

function byName(text: string): Command | null {
  const [first, second] = text.split('|', 2);
  const container = find(COMMAND_INDEX, first!);
  const command = second === undefined || container === null ? container : find(container.subcommands, second);
  return command !== null && isOffered(command) ? command : null;
}

function find(index: typeof COMMAND_INDEX | null, word: string): Command | null {
  const bytes = Buffer.from(word, 'latin1');
  return index === null ? null : index.find(bytes, 0, bytes.length);
}

function names(isWanted: (command: Command) => boolean): Buffer {
  return encodeReply(OFFERED.filter(isWanted).map(command => command.name));
}

/** The ten fields of Redis 7; tips and key specifications stay empty. */
function describe(command: Command): ReplyValue {
  const subcommands = subcommandsOf(command).filter(isOffered).map(describe);
  return [
    command.name,
    command.arity,
    statuses(command.flags, ''),
    command.firstKey,
    command.lastKey,
    command.keyStep,
    statuses(command.categories, '@'),
    NOTHING,
    NOTHING,
    subcommands.length === 0 ? NOTHING : subcommands,
  ];
}

function statuses(words: string, prefix: string): ReplyValue {
  return words === '' ? NOTHING : new ReplySet(words.split(' ').map(word => new SimpleText(prefix + word)));
}
