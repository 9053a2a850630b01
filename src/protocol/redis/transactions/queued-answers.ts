// Requests of a transaction that Ringmaster answers itself: the server keeps their places, and EXEC's reply carries them out.
import type { Accounts } from '../../../accounts/accounts.ts';
import type { ReplyTransform } from '../../reply-transform.ts';
import { inquiryOf } from '../answers/clients-command.ts';
import type { LocalCommands } from '../answers/local-commands.ts';
import type { Command } from '../commands/command.ts';
import { refusalText } from '../commands/command-policy.ts';
import { RequestArgs } from '../request-args.ts';
import { localTooLarge } from '../request-errors.ts';
import { EMPTY, encodeRequest, errorReply, MAX_LOCAL_ARGUMENTS, MAX_LOCAL_BYTES, OK } from '../resp.ts';
import { REPLIES_ON, REPLIES_SKIP, RedisSession } from '../session.ts';
import { QueuedInquiry } from './queued-inquiries.ts';

/** What of the requests of one transaction may be kept. */
const MAX_KEPT_BYTES = 256 * 1024;
/** What each costs beside its arguments. */
const ANSWER_BYTES = 256;
const TOO_MUCH = errorReply(
  `ERR inside a transaction Ringmaster answers requests of no more than ${MAX_KEPT_BYTES} bytes itself`,
);
const OTHER_RIGHTS = 'inside a transaction it would change whose rights and keys the rest of it has';
const OTHER_VERSION =
  'for another version of the protocol inside a transaction the pool can have no more than one server';
const NO_TRACKING = 'invalidations come from servers that other clients share';

/** What becomes of a request that Ringmaster answers outside of transactions. */
export interface QueuedRequest {
  /** In its place: a command and its arguments. */
  readonly placeholder: readonly string[];
  readonly isSoiling: boolean;
}

const HARMLESS: QueuedRequest = { placeholder: ['PING'], isSoiling: false };

/** By what pools differ. */
export interface QueueingRules {
  readonly hasOneServer: boolean;
  readonly hasAccounts: boolean;
}

/** See `PoolCommands`. */
export interface DatabaseRules {
  readonly databases: number;
  readonly firstDatabase: number;
}

/**
 * Keeps the request until its transaction is run: it is then answered as `local` does. Returns what the server is to have in its
 * place, or what the client reads where it can't be part of a transaction.
 */
export function queueAnswer(
  command: Command,
  args: RequestArgs,
  session: RedisSession,
  local: LocalCommands,
  rules: QueueingRules,
): QueuedRequest | Buffer {
  const tooMuch = tooMuchToKeep(command, args, session);
  if (tooMuch !== null) return tooMuch;
  const request = requestInPlace(command, args, session, local, rules);
  if (Buffer.isBuffer(request)) return request;
  const kept = copyOf(args);
  const version = request === HARMLESS ? null : session.versionToBe;
  const settle = (isError: boolean) => {
    if (isError && version !== null) return null;
    const reply = answerNow(command, kept, session, local);
    // It speaks that from here on, whatever has become of the password meanwhile.
    if (version !== null) session.speak(version);
    return reply;
  };
  session.addQueued(ANSWER_BYTES + args.byteCount, { place: session.queuedRequests, change: null, settle });
  return request;
}

/** Keeps a request that all workers answer: they are asked once the transaction is run. */
export function queueInquiry(
  command: Command,
  args: RequestArgs,
  session: RedisSession,
  accounts: Accounts | null,
): QueuedRequest | Buffer {
  const tooMuch = tooMuchToKeep(command, args, session);
  if (tooMuch !== null) return tooMuch;
  const kept = copyOf(args);
  const inquire = () => inquiryOf(command, kept, session, accounts);
  session.addQueued(ANSWER_BYTES + args.byteCount, new QueuedInquiry(session.queuedRequests, inquire));
  return HARMLESS;
}

/** Keeps what is to be made of the server's reply. Returns what the client reads if that can't be part of a transaction; null: it is. */
export function queueChange(session: RedisSession, change: ReplyTransform): Buffer | null {
  if (session.queuedBytes + ANSWER_BYTES > MAX_KEPT_BYTES) return TOO_MUCH;
  session.addQueued(ANSWER_BYTES, { place: session.queuedRequests, change, settle: () => null });
  return null;
}

/** Keeps an answer that is known already. */
export function queueWords(session: RedisSession, words: Buffer): QueuedRequest | Buffer {
  if (session.queuedBytes + ANSWER_BYTES > MAX_KEPT_BYTES) return TOO_MUCH;
  session.addQueued(ANSWER_BYTES, { place: session.queuedRequests, change: null, settle: () => words });
  return HARMLESS;
}

/**
 * SELECT is the server's, by its own numbers: the client is in that database once the transaction was run, and the connection,
 * which is too, is nobody else's any more.
 */
export function queueSelect(
  args: RequestArgs,
  session: RedisSession,
  databases: DatabaseRules,
): QueuedRequest | Buffer {
  const database = args.integer(1);
  const isKnown = database >= 0 && database < databases.databases;
  // The server's words for it are those that EXEC has.
  if (Number.isNaN(database)) return { placeholder: ['SELECT', 'x'], isSoiling: false };
  if (!isKnown) return { placeholder: ['SELECT', '-1'], isSoiling: false };
  if (session.queuedBytes + ANSWER_BYTES > MAX_KEPT_BYTES) return TOO_MUCH;
  const settle = (isError: boolean) => {
    if (!isError) session.select(database);
    return null;
  };
  session.databaseToBe = database;
  session.addQueued(ANSWER_BYTES, { place: session.queuedRequests, change: null, settle });
  return { placeholder: ['SELECT', String(databases.firstDatabase + database)], isSoiling: true };
}

/** What the client reads where the request, or its transaction with it, is too large; null: it may be kept. */
function tooMuchToKeep(command: Command, args: RequestArgs, session: RedisSession): Buffer | null {
  if (args.count > MAX_LOCAL_ARGUMENTS || args.byteCount > MAX_LOCAL_BYTES) return localTooLarge(command.name);
  return session.queuedBytes + ANSWER_BYTES + args.byteCount > MAX_KEPT_BYTES ? TOO_MUCH : null;
}

/** What CLIENT REPLY says of itself goes by what it has changed; as in Redis, ON does not take back a SKIP of the same transaction. */
function answerNow(command: Command, args: RequestArgs, session: RedisSession, local: LocalCommands): Buffer {
  const { replyMode } = session;
  const reply = local.answer(command, args, session);
  local.authentication.takeOutcome();
  if (command.name !== 'client|reply' || reply !== OK) return reply;
  if (session.replyMode !== REPLIES_ON) return EMPTY;
  if (replyMode === REPLIES_SKIP) session.replyMode = REPLIES_SKIP;
  return reply;
}

function requestInPlace(
  command: Command,
  args: RequestArgs,
  session: RedisSession,
  local: LocalCommands,
  { hasOneServer, hasAccounts }: QueueingRules,
): QueuedRequest | Buffer {
  const { name } = command;
  const isSigningIn = name === 'auth' || (name === 'hello' && signsIn(args));
  if (isSigningIn && (hasAccounts || session.port !== null)) return errorReply(refusalText(name, OTHER_RIGHTS));
  if (name === 'client|tracking' && args.isWord(2, 'on')) return errorReply(refusalText(name, NO_TRACKING));
  if (name !== 'hello' || args.count === 1) return HARMLESS;
  const before = session.versionToBe ?? session.respVersion;
  if (args.integer(1) === before) return HARMLESS;
  // What it will do is known: whatever is wrong with it is in its words.
  const trial = new RedisSession(0);
  trial.isAuthenticated = true;
  trial.speak(before);
  local.authentication.rehearse(args, trial);
  const version = trial.respVersion;
  if (version === before) return HARMLESS;
  if (!hasOneServer) return errorReply(refusalText(name, OTHER_VERSION));
  session.versionToBe = version;
  // What the server answers from there on is in that version, and so is all that its connection is good for.
  return { placeholder: ['HELLO', String(version)], isSoiling: true };
}

function copyOf(args: RequestArgs): RequestArgs {
  const copy = new RequestArgs();
  copy.locate(encodeRequest(...Array.from({ length: args.count }, (_, i) => args.bytes(i))));
  return copy;
}

/** HELLO with AUTH and its two arguments. */
function signsIn(args: RequestArgs): boolean {
  for (let i = 2; i < args.count - 2; i++) if (args.isWord(i, 'auth')) return true;
  return false;
}
