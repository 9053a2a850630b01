// SASL in the binary protocol, as far as memcached's clients use it: the mechanism PLAIN, against the pool's user and password.
import { POOL_ELSEWHERE } from '../../port-guest.ts';
import { type Credentials, userOfPlain } from '../credentials.ts';
import type { MemcachedSession } from '../session.ts';
import {
  BINARY_HEADER_BYTES,
  errorResponse,
  keyBytesOf,
  opaqueOf,
  opcodeOf,
  response,
  STATUS_AUTH_ERROR,
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

/** The response to the SASL request `buf[start, next)`. Without credentials there is no such command. */
export function answerSasl(
  credentials: Credentials | null,
  session: MemcachedSession,
  kind: number,
  buf: Buffer,
  start: number,
  next: number,
): Buffer {
  const code = opcodeOf(buf, start);
  const opaque = opaqueOf(buf, start);
  if (credentials === null) return errorResponse(code, opaque, STATUS_UNKNOWN_COMMAND);
  if (kind === OP_SASL_LIST) return response(code, opaque, STATUS_OK, 'PLAIN');
  const keyStart = start + BINARY_HEADER_BYTES;
  const keyEnd = keyStart + keyBytesOf(buf, start);
  const isPlain = kind === OP_SASL_AUTH && buf.toString('latin1', keyStart, keyEnd) === 'PLAIN';
  if (!isPlain || !credentials.admitPlain(session, buf.subarray(keyEnd, next))) {
    session.signOut();
    return errorResponse(code, opaque, STATUS_AUTH_ERROR);
  }
  return response(code, opaque, STATUS_OK, 'Authenticated');
}
