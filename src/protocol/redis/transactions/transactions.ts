// What MULTI, EXEC, DISCARD, WATCH and UNWATCH mean for the requests of a client, and what of a transaction can't be had.

import {
  HOLD_DISCARD,
  HOLD_OPEN,
  HOLD_RUN,
  HOLD_UNWATCH,
  HOLD_WATCH,
  type Hold,
  ROUTE_SLOT,
  ROUTE_SUBSCRIPTION,
  type Route,
} from '../../routes.ts';
import type { TransactionWords } from '../../transaction-words.ts';
import type { Command } from '../commands/command.ts';
import { refusalText } from '../commands/command-policy.ts';
import { EMPTY_ARRAY, encodeReply, encodeRequest, errorReply, OK, simpleReply } from '../resp.ts';
import { isResp3, type RedisSession } from '../session.ts';

const EXECABORT = '-EXECABORT ';
const NULL = encodeReply(null, 3);
const NULL_ARRAY = Buffer.from('*-1\r\n');

/** Redis's words, from its multi.c. */
export const TRANSACTION_WORDS: TransactionWords = {
  open: encodeRequest('MULTI'),
  opened: OK,
  discard: encodeRequest('DISCARD'),
  discarded: OK,
  queued: simpleReply('QUEUED'),
  ranNothing: EMPTY_ARRAY,
  aborted: errorReply('EXECABORT Transaction discarded because of previous errors.'),
  isAborted: reply => reply.toString('latin1', 0, EXECABORT.length) === EXECABORT,
  abortedFor: error =>
    errorReply(`EXECABORT Transaction discarded because of: ${error.toString('latin1', 1, error.length - 2)}`),
  notRun: variant => (isResp3(variant) ? NULL : NULL_ARRAY),
};

const NESTED = errorReply('ERR MULTI calls can not be nested');
const WATCH_INSIDE = errorReply('ERR WATCH inside MULTI is not allowed');
const EXEC_OUTSIDE = errorReply('ERR EXEC without MULTI');
const DISCARD_OUTSIDE = errorReply('ERR DISCARD without MULTI');

/** A command of the family `transaction`: what it does to the client's connection, or what the client reads at once. */
export function transactionStep(command: Command, session: RedisSession): Hold | Buffer {
  const { isInTransaction } = session;
  switch (command.name) {
    case 'multi':
      if (isInTransaction) return NESTED;
      session.beginTransaction();
      return HOLD_OPEN;
    case 'watch':
      if (isInTransaction) return WATCH_INSIDE;
      session.isWatching = true;
      return HOLD_WATCH;
    case 'unwatch':
      if (!session.isWatching) return OK;
      session.isWatching = false;
      return HOLD_UNWATCH;
    case 'exec':
      if (!isInTransaction) return EXEC_OUTSIDE;
      session.endTransaction();
      return HOLD_RUN;
    default:
      if (!isInTransaction) return DISCARD_OUTSIDE;
      session.endTransaction();
      return HOLD_DISCARD;
  }
}

/** It is refused: EXEC then ends the transaction all the same, and makes the server forget watched keys. */
export function endsByRefusal(command: Command, session: RedisSession): boolean {
  if (command.name !== 'exec' || !(session.isInTransaction || session.isWatching)) return false;
  session.endTransaction();
  return true;
}

/** RESET ends a transaction, and the server forgets watched keys. */
export function endsByReset(command: Command, session: RedisSession): boolean {
  return command.name === 'reset' && (session.isInTransaction || session.isWatching);
}

const OTHER_SLOT = 'inside a transaction the server would speak of itself, not of the pool';
const OTHER_POOL = 'inside a transaction the databases of this port are other servers';
const MESSAGES = 'inside a transaction its confirmations would have to come out of the reply to EXEC';
const NO_CURSOR = 'inside a transaction it would have to follow slots that move';
const ONE_SERVER = 'inside a transaction only one of the servers would have it';

/** Not the server's to answer, and not ours, as long as the client is inside a transaction; null: it may be part of one. */
export function refusalInside(command: Command, route: Route, { port }: RedisSession): Buffer | null {
  const { name } = command;
  if (name === 'select' && port?.poolBy === 'database') return errorReply(refusalText(name, OTHER_POOL));
  if (route === ROUTE_SLOT) return errorReply(refusalText(name, OTHER_SLOT));
  return route === ROUTE_SUBSCRIPTION ? errorReply(refusalText(name, MESSAGES)) : null;
}

/** A server says no to it in the same words, and when the transaction is run. */
export function isSaidByServers(command: Command, refusal: Buffer): boolean {
  return command.family === 'cluster' && refusal === command.refusal;
}

/** The server's to answer inside of a transaction, although it is ours outside. */
export function isServersInside({ name, isAnsweredAlike }: Command): boolean {
  return isAnsweredAlike || name === 'time';
}

/** It goes to all servers, which a transaction can't. */
export function refusalOfAll({ name }: Command): Buffer {
  return errorReply(refusalText(name, name === 'scan' ? NO_CURSOR : ONE_SERVER));
}

/** Goes to the server at once, whatever transaction the client is in. */
export function isImmediate({ name }: Command): boolean {
  return name === 'quit' || name === 'reset';
}
