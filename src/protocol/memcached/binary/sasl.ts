// SASL in the binary protocol, as far as memcached's clients use it: the mechanism PLAIN, against the pool's user and password.
import { SIGN_IN_DONE, SIGN_IN_NONE } from '../../../accounts/sign-in-places.ts';
import { POOL_ELSEWHERE } from '../../port-guest.ts';
import { type Credentials, userOfPlain } from '../credentials.ts';
import type { ParsedRequest } from '../parsed-request.ts';
import type { MemcachedSession } from '../session.ts';
import {
  BINARY_HEADER_BYTES,
  errorResponse,
  keyBytesOf,
  opaqueOf,
  opcodeOf,
  response,
  STATUS_AUTH_ERROR,
  STATUS_BUSY,
  STATUS_OK,
  STATUS_UNKNOWN_COMMAND,
} from './binary-header.ts';
import { OP_QUIT, OP_SASL_AUTH, OP_SASL_LIST, OP_VERSION } from './opcodes.ts';

/** Whether requests of this kind are taken before the password, as memcached has it. */
export function isBeforePassword(kind: number): boolean {
  return kind >= OP_SASL_LIST || kind === OP_VERSION || kind === OP_QUIT;
}

/** Another pool of the port that the client has come by is to have the SASL request `buf[start, next)`. */
export function goesElsewhere(
  { port }: MemcachedSession,
  kind: number,
  buf: Buffer,
  start: number,
  next: number,
): boolean {
  if (port === null || port.poolBy !== 'user' || kind !== OP_SASL_AUTH) return false;
  const user = userOfPlain(buf.subarray(start + BINARY_HEADER_BYTES + keyBytesOf(buf, start), next));
  if (port.whereIs(user) !== POOL_ELSEWHERE) return false;
  port.goTo(user);
  return true;
}

/** Answers the SASL request `buf[start, next)`; returns `next`. Without credentials there is no such command. */
export function answerSasl(
  out: ParsedRequest,
  credentials: Credentials | null,
  session: MemcachedSession,
  kind: number,
  buf: Buffer,
  start: number,
  next: number,
): number {
  const code = opcodeOf(buf, start);
  const opaque = opaqueOf(buf, start);
  if (credentials === null) return out.answer(errorResponse(code, opaque, STATUS_UNKNOWN_COMMAND), next);
  if (kind === OP_SASL_LIST) return out.answer(response(code, opaque, STATUS_OK, 'PLAIN'), next);
  const keyStart = start + BINARY_HEADER_BYTES;
  const keyEnd = keyStart + keyBytesOf(buf, start);
  const isPlain = kind === OP_SASL_AUTH && buf.toString('latin1', keyStart, keyEnd) === 'PLAIN';
  const outcome = isPlain ? credentials.admitPlain(session, buf.subarray(keyEnd, next)) : SIGN_IN_NONE;
  if (outcome !== SIGN_IN_DONE) session.signOut();
  if (outcome === SIGN_IN_NONE) return out.answer(errorResponse(code, opaque, STATUS_AUTH_ERROR), next);
  const replies = {
    done: response(code, opaque, STATUS_OK, 'Authenticated'),
    wrong: errorResponse(code, opaque, STATUS_AUTH_ERROR),
    full: response(code, opaque, STATUS_BUSY, 'Too many open connections'),
  };
  return out.answerSignIn(outcome, replies, next);
}
