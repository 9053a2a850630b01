// COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a request that is given as arguments, as Redis finds them.

import { KeyRanges, type RequestArgs } from '../request-args.ts';
import { encodeReply, errorReply, ReplySet, type ReplyValue, SimpleText } from '../resp.ts';
import type { RedisSession } from '../session.ts';
import type { Command } from './command.ts';
import type { PoolCommands } from './command-rules.ts';
import { findKeys } from './key-finder.ts';
import { SPEC_UNCLEAR } from './key-spec.ts';

const INVALID_COMMAND = errorReply('ERR Invalid command specified');
const NO_KEYS = errorReply('ERR The command has no key arguments');
const WRONG_ARITY = errorReply('ERR Invalid number of arguments specified for command');
const INVALID_ARGUMENTS = errorReply('ERR Invalid arguments specified for command');

interface FoundKey {
  readonly bytes: Buffer;
  readonly flags: string;
}

/** COMMAND GETKEYS command [argument …]. */
export function getKeys(args: RequestArgs, commands: PoolCommands): Buffer {
  const found = keysOf(args, commands);
  return Buffer.isBuffer(found) ? found : encodeReply(found.map(key => key.bytes));
}

/** COMMAND GETKEYSANDFLAGS command [argument …]. */
export function getKeysAndFlags(args: RequestArgs, commands: PoolCommands, session: RedisSession): Buffer {
  const found = keysOf(args, commands);
  if (Buffer.isBuffer(found)) return found;
  const reply: ReplyValue[] = found.map(({ bytes, flags }) => [
    bytes,
    new ReplySet(flags.split(' ').map(flag => new SimpleText(flag))),
  ]);
  return encodeReply(reply, session.respVersion);
}

/** The keys, or the error to be answered. */
function keysOf(args: RequestArgs, commands: PoolCommands): readonly FoundKey[] | Buffer {
  const inner = args.from(2);
  const command = commands.named(inner);
  if (command === null) return INVALID_COMMAND;
  // A channel is found as a key is, but is none.
  if (command.keySpecs.every(spec => spec.flags.includes('not_key'))) return NO_KEYS;
  const { arity } = command;
  if (arity > 0 ? inner.count !== arity : inner.count < -arity) return WRONG_ARITY;
  const found = command.finder === 'sort' ? keysOfSort(command, inner) : keysOfSpecs(command, inner);
  return found.length === 0 && !command.flags.includes('no_mandatory_keys') ? INVALID_ARGUMENTS : found;
}

function keysOfSpecs(command: Command, args: RequestArgs): FoundKey[] {
  const found: FoundKey[] = [];
  for (const spec of command.keySpecs) {
    const keys = new KeyRanges();
    if (spec.findKeys(args, keys) === SPEC_UNCLEAR) return [];
    const flags = spec.flags.includes(VARIABLE) ? flagsByArguments(command, args) : spec.flags;
    for (let i = 0; i < keys.count; i++) found.push(foundKey(args, keys, i, flags));
  }
  return found;
}

function keysOfSort(command: Command, args: RequestArgs): FoundKey[] {
  const keys = new KeyRanges();
  findKeys(command, args, keys);
  return Array.from({ length: keys.count }, (_, i) => foundKey(args, keys, i, i === 0 ? 'RO access' : 'OW update'));
}

function foundKey(args: RequestArgs, keys: KeyRanges, i: number, flags: string): FoundKey {
  return { bytes: args.buf.subarray(keys.starts[i]!, keys.ends[i]!), flags };
}

/** As setGetKeys and bitfieldGetKeys in Redis's db.c. */
export function flagsByArguments(command: Command, args: RequestArgs): string {
  if (command.name === 'set') {
    for (let i = 3; i < args.count; i++) if (args.isWord(i, 'get')) return 'RW access update';
    return 'OW update';
  }
  for (let i = 2; i < args.count; ) {
    if (args.isWord(i, 'get') && i + 2 < args.count) i += 3;
    else if (args.isWord(i, 'overflow') && i + 1 < args.count) i += 2;
    else return 'RW access update';
  }
  return 'RO access';
}

/** The arguments decide what becomes of the key. */
const VARIABLE = 'variable_flags';
