// Redis's words for requests that it cannot read or does not know.
import { FAILURE_REASONS, FAILURE_TEXT, type FailureReason } from '../../request/failure.ts';
import { MAX_GLOB_LENGTH } from '../glob.ts';
import type { RequestArgs } from './request-args.ts';
import { errorReply, MAX_LOCAL_ARGUMENTS, MAX_LOCAL_BYTES } from './resp.ts';

export const INVALID_COUNT = protocolError('invalid multibulk length');
export const INVALID_LENGTH = protocolError('invalid bulk length');
export const COUNT_LINE_TOO_LONG = protocolError('too big mbulk count string');
export const LENGTH_LINE_TOO_LONG = protocolError('too big bulk count string');
export const INLINE_TOO_LONG = protocolError('too big inline request');
export const UNBALANCED_QUOTES = protocolError('unbalanced quotes in request');
export const COUNT_BEFORE_AUTH = protocolError('unauthenticated multibulk length');
export const LENGTH_BEFORE_AUTH = protocolError('unauthenticated bulk length');

export const SYNTAX_ERROR = errorReply('ERR syntax error');
export const NOT_AUTHENTICATED = errorReply('NOAUTH Authentication required.');
export const TOO_LARGE = errorReply('ERR Protocol error: request is larger than the pool accepts');
export const CROSS_SERVER = errorReply(
  'ERR keys of this command are on different servers; the setting hash_tag can keep keys that belong together on one',
);

export const PATTERN_TOO_LONG = errorReply(`ERR Patterns cannot be longer than ${MAX_GLOB_LENGTH} bytes.`);
const LOCAL_LIMITS = `cannot have more than ${MAX_LOCAL_ARGUMENTS} arguments or ${MAX_LOCAL_BYTES} bytes`;

/** A server that refused us said so with a code that clients act on. */
const FAILURE_CODES: Readonly<Partial<Record<FailureReason, string>>> = {
  server_noauth: 'NOAUTH',
  server_wrongpass: 'WRONGPASS',
  server_noperm: 'NOPERM',
};
/** What it says to clients of its own. */
const FAILURE_WORDS: Readonly<Partial<Record<FailureReason, string>>> = {
  server_busy: 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  server_busy_function: 'BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.',
  server_loading: 'LOADING Redis is loading the dataset in memory',
};

const FAILURES: ReadonlyMap<FailureReason, Buffer> = new Map(
  FAILURE_REASONS.map(reason => [
    reason,
    errorReply(FAILURE_WORDS[reason] ?? `${FAILURE_CODES[reason] ?? 'ERR'} ${FAILURE_TEXT[reason]}`),
  ]),
);

/** What the client of a failed request reads. */
export function failureReply(reason: FailureReason): Buffer {
  return FAILURES.get(reason)!;
}

/** An argument begins with something else than `$`. */
export function expectedDollar(byte: number): Buffer {
  return protocolError(`expected '$', got '${String.fromCharCode(byte)}'`);
}

/** A request that Ringmaster would answer itself is larger than it answers; `command` is a name of the table. */
export function localTooLarge(command: string): Buffer {
  return errorReply(`ERR '${command}' ${LOCAL_LIMITS}, because Ringmaster answers it itself`);
}

/** The first argument names no command; words and limits as commandCheckExistence in Redis's server.c. */
export function unknownCommand(args: RequestArgs): Buffer {
  let list = '';
  for (let i = 1; i < args.count && list.length < MAX_QUOTED; i++) {
    list += `'${printed(args, i, MAX_QUOTED - list.length)}' `;
  }
  return errorReply(`ERR unknown command '${printed(args, 0, MAX_QUOTED)}', with args beginning with: ${list}`);
}

/** The second argument names no subcommand of the command `container`. */
export function unknownSubcommand(args: RequestArgs, container: string): Buffer {
  const sub = printed(args, 1, MAX_QUOTED);
  return errorReply(`ERR unknown subcommand '${sub}'. Try ${container.toUpperCase()} HELP.`);
}

/** Argument 2 is `slot`, which is none. */
export function noSuchSlot({ name }: { readonly name: string }, slot: number): Buffer {
  if (Number.isNaN(slot)) return errorReply('ERR value is not an integer or out of range');
  return errorReply(name === 'cluster|getkeysinslot' ? 'ERR Invalid slot or number of keys' : 'ERR Invalid slot');
}

/** Redis says so of a subcommand whose arguments are too many for it. */
export function wrongSubcommandArity(args: RequestArgs): Buffer {
  const sub = printed(args, 1, MAX_QUOTED);
  const container = args.text(0).toUpperCase();
  return errorReply(`ERR unknown subcommand or wrong number of arguments for '${sub}'. Try ${container} HELP.`);
}

/** An argument as C's `%.*s` prints it: cut at `limit` bytes and at the first NUL. */
export function printed(args: RequestArgs, index: number, limit = Number.MAX_SAFE_INTEGER): string {
  const start = args.starts[index]!;
  const text = args.buf.toString('latin1', start, Math.min(args.ends[index]!, start + limit));
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

function protocolError(text: string): Buffer {
  return errorReply(`ERR Protocol error: ${text}`);
}

const MAX_QUOTED = 128;
