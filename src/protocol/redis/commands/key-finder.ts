import type { KeyRanges, RequestArgs } from '../request-args.ts';
import { type Command, KEYS_BY_ARGUMENTS, KEYS_NONE } from './command.ts';
import { SPEC_UNKNOWN } from './key-spec.ts';

/** The keys were found; there may be none. */
export const KEYS_FOUND = 0;
/** The request is wrong in a way that a server words: that of the first key found, or any when there is none. */
export const KEYS_UNCLEAR = 1;
/** The keys were found, and the request has an option by which it waits at the server. */
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
    case 'channel':
      addKey(args, 1, keys);
      return KEYS_FOUND;
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
  for (let at = 1; at < args.count; ) {
    if (args.isWord(at, 'streams')) {
      const rest = args.count - at - 1;
      for (let i = 1; i <= rest >> 1; i++) addKey(args, at + i, keys);
      if (rest === 0 || rest % 2 !== 0) return KEYS_UNCLEAR;
      return isBlocking ? KEYS_BLOCK : KEYS_FOUND;
    }
    // An error whatever follows, which the server words.
    if (!isOfGroup && args.isWord(at, 'group')) return KEYS_UNCLEAR;
    const length = streamOptionLength(args, at, isOfGroup);
    if (length === 0) return KEYS_UNKNOWN;
    isBlocking ||= args.isWord(at, 'block');
    at += length;
  }
  return KEYS_UNCLEAR;
}

/** Words of the option of XREAD or XREADGROUP at `at`, its own included; 0: it is not known. */
function streamOptionLength(args: RequestArgs, at: number, isOfGroup: boolean): number {
  if (args.isWord(at, 'noack')) return 1;
  if (args.isWord(at, 'group')) return 3;
  if (args.isWord(at, 'claim')) return isOfGroup ? 2 : 0;
  return STREAM_OPTIONS.some(option => args.isWord(at, option)) ? 2 : 0;
}

/** Where the milliseconds of BLOCK stand in a request of XREAD or XREADGROUP that was understood; 0: it does not block. */
export function blockOptionAt(args: RequestArgs): number {
  let found = 0;
  for (let at = 1; at < args.count && !args.isWord(at, 'streams'); ) {
    const length = streamOptionLength(args, at, true);
    if (length === 0) return found;
    // The last one counts.
    if (args.isWord(at, 'block')) found = at + 1;
    at += length;
  }
  return found;
}

const STREAM_OPTIONS: readonly string[] = ['block', 'count', 'maxcount', 'maxsize'];

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
