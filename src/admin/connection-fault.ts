import { FAILURE_TEXT, failureFromErrno } from '../request/failure.ts';
import { serverComplaint } from '../system/handshake-complaint.ts';

/** Why a connection to a server failed, in words: what the system says, and else, where TLS is spoken, what OpenSSL or Node's check says. */
export function connectionFault(error: NodeJS.ErrnoException, isTls: boolean): string {
  if (isTls && !('errno' in error)) return `${FAILURE_TEXT.server_tls}: ${serverComplaint(error)}`;
  return `${FAILURE_TEXT[failureFromErrno(error.code)]} (${error.code ?? error.message})`;
}
