import { type Command, KEYS_BY_ARGUMENTS, KEYS_NONE } from './command.ts';
import { SPEC_UNKNOWN } from './key-spec.ts';
import type { KeyRanges, RequestArgs } from './request-args.ts';

/** The keys were found; there may be none. */
export const KEYS_FOUND = 0;
/** The request is wrong in a way that a server words: that of the first key found, or any when there is none. */
export const KEYS_UNCLEAR = 1;
/** The request would block its server connection. */
export const KEYS_BLOCK = 2;
/** The request has an option that is not known: where its keys are, and what else it does, cannot be told. */
export const KEYS_UNKNOWN = 3;

/**
 * Finds the keys of a request whose arity is right and adds their ranges to `keys`. Returns one of the constants above.
 * Where the arguments say where the keys are, it reads them as the `getkeys` functions of Redis's db.c do.
 */
export function findKeys(command: Command, args: RequestArgs, keys: KeyRanges): number {
  if (command.keys === KEYS_NONE) return KEYS_FOUND;
  if (command.keys === KEYS_BY_ARGUMENTS) return findByArguments(command, args, keys);
  const { firstKey, keyStep } = command;
  const last = command.lastKey < 0 ? args.count + command.lastKey : command.lastKey;
  keys.addArguments(args, firstKey, last, keyStep);
  // MSET with a key that has no value.
  return keyStep > 1 && (last - firstKey + 1) % keyStep !== 0 ? KEYS_UNCLEAR : KEYS_FOUND;
}

function findByArguments(command: Command, args: RequestArgs, keys: KeyRanges): number {
  switch (command.finder) {
    case 'streams':
      return findStreams(command, args, keys);
    case 'sort':
      return findSort(args, keys);
    case 'geo_store':
      return findGeoStore(args, command.arity, keys);
    default:
      return findBySpecs(command, args, keys);
  }
}

function findBySpecs(command: Command, args: RequestArgs, keys: KeyRanges): number {
  let result = KEYS_FOUND;
  for (const spec of command.keySpecs) {
    const found = spec.findKeys(args, keys);
    if (found === SPEC_UNKNOWN) return KEYS_UNKNOWN;
    if (found > result) result = found;
  }
  return result;
}

function addKey(args: RequestArgs, index: number, keys: KeyRanges): void {
  keys.add(args.starts[index]!, args.ends[index]!);
}

/** `[options] STREAMS key [key …] id [id …]`, as in XREAD and XREADGROUP. */
function findStreams(command: Command, args: RequestArgs, keys: KeyRanges): number {
  const isOfGroup = command.name === 'xreadgroup';
  let isBlocking = false;
  for (let at = 1; at < args.count; at++) {
    if (args.isWord(at, 'streams')) {
      if (isBlocking) return KEYS_BLOCK;
      const rest = args.count - at - 1;
      for (let i = 1; i <= rest >> 1; i++) addKey(args, at + i, keys);
      return rest > 0 && rest % 2 === 0 ? KEYS_FOUND : KEYS_UNCLEAR;
    }
    if (args.isWord(at, 'block')) {
      isBlocking = true;
      at++;
    } else if (args.isWord(at, 'count') || args.isWord(at, 'maxcount') || args.isWord(at, 'maxsize')) at++;
    else if (args.isWord(at, 'group')) at += 2;
    else if (args.isWord(at, 'claim') && isOfGroup) at++;
    else if (!args.isWord(at, 'noack')) return KEYS_UNKNOWN;
  }
  return isBlocking ? KEYS_BLOCK : KEYS_UNCLEAR;
}

/** `key [BY pattern] [LIMIT offset count] [GET pattern …] … [STORE destination]`; the last STORE counts. */
function findSort(args: RequestArgs, keys: KeyRanges): number {
  addKey(args, 1, keys);
  let destination = 0;
  for (let at = 2; at < args.count; at++) {
    if (args.isWord(at, 'limit')) at += 2;
    else if (args.isWord(at, 'get') || args.isWord(at, 'by')) at++;
    else if (args.isWord(at, 'store') && at + 1 < args.count) destination = ++at;
  }
  if (destination > 0) addKey(args, destination, keys);
  return KEYS_FOUND;
}

/** `key … [STORE destination | STOREDIST destination]`, as in GEORADIUS after its fixed arguments; the last one counts. */
function findGeoStore(args: RequestArgs, arity: number, keys: KeyRanges): number {
  addKey(args, 1, keys);
  let destination = 0;
  for (let at = -arity; at + 1 < args.count; at++) {
    if (args.isWord(at, 'store') || args.isWord(at, 'storedist')) destination = ++at;
  }
  if (destination > 0) addKey(args, destination, keys);
  return KEYS_FOUND;
}
