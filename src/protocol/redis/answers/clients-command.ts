// The subcommands of CLIENT that concern other clients: LIST, KILL, UNBLOCK, PAUSE and UNPAUSE, in the words of Redis's networking.c.

import type { Accounts } from '../../../accounts/accounts.ts';
import { DEFAULT_ACCOUNT } from '../../../accounts/accounts.ts';
import type { ClientAnswer, ClientInquiry, ClientQuestion } from '../../client-inquiry.ts';
import type { ClientWords } from '../../protocol.ts';
import { nameAt } from '../authentication.ts';
import type { Command } from '../commands/command.ts';
import { refusalText } from '../commands/command-policy.ts';
import type { RequestArgs } from '../request-args.ts';
import { SYNTAX_ERROR, wrongSubcommandArity } from '../request-errors.ts';
import { encodeReply, errorReply, OK, type RespVersion, VerbatimText } from '../resp.ts';
import type { RedisSession } from '../session.ts';
import { clientKind, clientLine } from './client-line.ts';

const INVALID_ID = errorReply('ERR Invalid client ID');
const NOT_POSITIVE = errorReply('ERR client-id should be greater than 0');
const BAD_AGE = errorReply('ERR maxage is not an integer or out of range');
const AGE_NOT_POSITIVE = errorReply('ERR maxage should be greater than 0');
const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');
const NO_SUCH_CLIENT = errorReply('ERR No such client');
const BAD_REASON = errorReply('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
const BAD_TIMEOUT = errorReply('ERR timeout is not an integer or out of range');
const NEGATIVE_TIMEOUT = errorReply('ERR timeout is negative');
const BAD_MODE = errorReply('ERR CLIENT PAUSE mode must be WRITE or ALL');
const NOT_WHOLE = errorReply('ERR not all workers of Ringmaster have answered in time');
const TOO_MANY = errorReply('ERR too many clients to list them all: name some by TYPE or ID');
const KINDS = ['normal', 'master', 'replica', 'slave', 'pubsub'];
const HOLDS_UP_OTHERS = 'it would hold up clients of other users, and the user has a key_prefix';

const ALL: Omit<ClientQuestion, 'action' | 'askerId'> = {
  ids: null,
  peer: null,
  local: null,
  kind: null,
  minAgeSeconds: 0,
  user: null,
  isWithoutAsker: false,
  isError: false,
  untilMs: 0,
  isOfWrites: false,
};

/** What is to be asked of all workers, or the error that the client reads. A user with a key prefix has to do with its own clients only. */
export function inquiryOf(
  command: Command,
  args: RequestArgs,
  session: RedisSession,
  accounts: Accounts | null,
): ClientInquiry | Buffer {
  const { account } = session;
  if (account === null || !account.isTenant) {
    return inquiryOfAll(command, args, session, name => name === DEFAULT_ACCOUNT || accounts?.find(name) != null);
  }
  if (command.name.endsWith('pause')) return errorReply(refusalText(command.name, HOLDS_UP_OTHERS));
  const inquiry = inquiryOfAll(command, args, session, name => name === account.name);
  if (Buffer.isBuffer(inquiry)) return inquiry;
  return { question: { ...inquiry.question, user: account.name }, reply: inquiry.reply };
}

/** `isUser`: there is a user of this name, as far as the client may know. */
function inquiryOfAll(
  command: Command,
  args: RequestArgs,
  session: RedisSession,
  isUser: (name: string) => boolean,
): ClientInquiry | Buffer {
  if (command.name === 'client|list') return list(args, session);
  if (command.name === 'client|unblock') return unblock(args, session.id);
  if (command.name === 'client|pause') return pause(args, session.id);
  if (command.name === 'client|unpause') return agreed({ ...ALL, action: 'pause', askerId: session.id });
  return args.count === 3 ? killOne(args, session.id) : kill(args, session.id, isUser);
}

/** CLIENT LIST [TYPE type] [ID id …]. */
function list(args: RequestArgs, { id: askerId, respVersion }: RedisSession): ClientInquiry | Buffer {
  let ids: number[] | null = null;
  let kind: string | null = null;
  if (args.count === 4 && args.isWord(2, 'type')) {
    kind = kindAt(args, 3);
    if (kind === null) return unknownKind(args, 3);
  } else if (args.count > 3 && args.isWord(2, 'id')) {
    ids = Array.from({ length: args.count - 3 }, (_, i) => args.integer(3 + i));
    if (ids.some(Number.isNaN)) return INVALID_ID;
  } else if (args.count !== 2) return SYNTAX_ERROR;
  const question: ClientQuestion = { ...ALL, action: 'list', askerId, ids, kind };
  return { question, reply: (answers, isWhole) => listReply(answers, isWhole, ids, respVersion) };
}

/** In the order of the numbers; where these were named, in that order. */
function listReply(
  answers: readonly ClientAnswer[],
  isWhole: boolean,
  ids: readonly number[] | null,
  version: RespVersion,
): Buffer {
  if (!isWhole && answers.length === 0) return NOT_WHOLE;
  if (answers.some(({ count, lines }) => count > lines.length)) return TOO_MANY;
  const byId = new Map(answers.flatMap(({ lines }) => lines.map(line => [idOf(line), line] as const)));
  const order = ids ?? [...byId.keys()].sort((a, b) => a - b);
  return encodeReply(new VerbatimText(order.map(id => byId.get(id) ?? '').join('')), version);
}

function idOf(line: string): number {
  return Number(line.slice('id='.length, line.indexOf(' ')));
}

/** CLIENT UNBLOCK id [TIMEOUT | ERROR]. */
function unblock(args: RequestArgs, askerId: number): ClientInquiry | Buffer {
  if (args.count > 4) return wrongSubcommandArity(args);
  const isError = args.count === 4 && args.isWord(3, 'error');
  if (args.count === 4 && !isError && !args.isWord(3, 'timeout')) return BAD_REASON;
  const id = args.integer(2);
  if (Number.isNaN(id)) return NOT_AN_INTEGER;
  return counted({ ...ALL, action: 'unblock', askerId, ids: [id], isError });
}

/** CLIENT PAUSE milliseconds [WRITE | ALL]. */
function pause(args: RequestArgs, askerId: number): ClientInquiry | Buffer {
  if (args.count > 4) return wrongSubcommandArity(args);
  const isOfWrites = args.count === 4 && args.isWord(3, 'write');
  if (args.count === 4 && !isOfWrites && !args.isWord(3, 'all')) return BAD_MODE;
  const forMs = longAt(args, 2);
  if (Number.isNaN(forMs)) return BAD_TIMEOUT;
  if (forMs < 0) return NEGATIVE_TIMEOUT;
  const untilMs = Math.min(Date.now() + forMs, Number.MAX_SAFE_INTEGER);
  return agreed({ ...ALL, action: 'pause', askerId, untilMs, isOfWrites });
}

/** A signed integer of 64 bits, which may lose its last digits; NaN: it is none. */
function longAt(args: RequestArgs, index: number): number {
  const text = args.text(index);
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) return Number.NaN;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? Number(value) : Number.NaN;
}

/** Nothing is to be said of it but that all workers have done it. */
function agreed(question: ClientQuestion): ClientInquiry {
  return { question, reply: (_answers, isWhole) => (isWhole ? OK : NOT_WHOLE) };
}

/** CLIENT KILL address:port. */
function killOne(args: RequestArgs, askerId: number): ClientInquiry {
  const question: ClientQuestion = { ...ALL, action: 'kill', askerId, peer: args.text(2) };
  const reply = (answers: readonly ClientAnswer[], isWhole: boolean) => {
    if (countOf(answers) > 0) return OK;
    return isWhole ? NO_SUCH_CLIENT : NOT_WHOLE;
  };
  return { question, reply };
}

/** CLIENT KILL option value …: clients of which all that is said is true. */
function kill(args: RequestArgs, askerId: number, isUser: (name: string) => boolean): ClientInquiry | Buffer {
  let question: ClientQuestion = { ...ALL, action: 'kill', askerId, isWithoutAsker: true };
  for (let i = 2; i < args.count; i += 2) {
    if (i + 1 === args.count) return SYNTAX_ERROR;
    const filter = filterAt(args, i, isUser);
    if (Buffer.isBuffer(filter)) return filter;
    question = { ...question, ...filter };
  }
  return counted(question);
}

/** The option at `i` and its value. */
function filterAt(args: RequestArgs, i: number, isUser: (name: string) => boolean): Partial<ClientQuestion> | Buffer {
  const value = i + 1;
  if (args.isWord(i, 'id')) {
    const id = args.integer(value);
    if (Number.isNaN(id) || id < 1) return NOT_POSITIVE;
    return { ids: [id] };
  }
  if (args.isWord(i, 'maxage')) {
    const minAgeSeconds = args.integer(value);
    if (Number.isNaN(minAgeSeconds)) return BAD_AGE;
    return minAgeSeconds < 1 ? AGE_NOT_POSITIVE : { minAgeSeconds };
  }
  if (args.isWord(i, 'type')) {
    const kind = kindAt(args, value);
    return kind === null ? unknownKind(args, value) : { kind };
  }
  if (args.isWord(i, 'addr')) return { peer: args.text(value) };
  if (args.isWord(i, 'laddr')) return { local: args.text(value) };
  if (args.isWord(i, 'user')) {
    const user = nameAt(args, value);
    return isUser(user) ? { user } : errorReply(`ERR No such user '${args.text(value)}'`);
  }
  if (!args.isWord(i, 'skipme')) return SYNTAX_ERROR;
  if (args.isWord(value, 'yes')) return { isWithoutAsker: true };
  return args.isWord(value, 'no') ? { isWithoutAsker: false } : SYNTAX_ERROR;
}

function counted(question: ClientQuestion): ClientInquiry {
  return { question, reply: (answers, isWhole) => (isWhole ? encodeReply(countOf(answers)) : NOT_WHOLE) };
}

function countOf(answers: readonly ClientAnswer[]): number {
  return answers.reduce((sum, { count }) => sum + count, 0);
}

function kindAt(args: RequestArgs, index: number): string | null {
  const kind = KINDS.find(each => args.isWord(index, each));
  return kind ?? null;
}

function unknownKind(args: RequestArgs, index: number): Buffer {
  return errorReply(`ERR Unknown client type '${args.text(index)}'`);
}

export const CLIENT_WORDS: ClientWords = {
  covers(question, session) {
    const { id, peerAddress, localAddress, connectedAtMs, user } = session as RedisSession;
    if (question.user !== null && question.user !== user) return false;
    if (question.ids !== null && !question.ids.includes(id)) return false;
    if (question.isWithoutAsker && id === question.askerId) return false;
    if (question.kind !== null && question.kind !== clientKind(session as RedisSession)) return false;
    if (Date.now() - connectedAtMs < question.minAgeSeconds * 1000) return false;
    if (question.peer !== null && question.peer !== peerAddress) return false;
    return question.local === null || question.local === localAddress;
  },
  line: (session, state) => clientLine(session as RedisSession, state),
};
