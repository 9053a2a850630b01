import { FAILURE_REASONS, FAILURE_TEXT, type FailureReason } from '../../request/failure.ts';

// The lines the proxy answers itself. The words are memcached 1.6.18's where it has any.

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1');

export const NO_REPLY: Buffer = Buffer.alloc(0);
export const ERROR: Buffer = line('ERROR');
export const BAD_FORMAT: Buffer = line('CLIENT_ERROR bad command line format');
export const BAD_DATA_CHUNK: Buffer = line('CLIENT_ERROR bad data chunk');
export const BAD_DELETE: Buffer = line('CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]');
export const BAD_DELTA: Buffer = line('CLIENT_ERROR invalid numeric delta argument');
export const BAD_EXPTIME: Buffer = line('CLIENT_ERROR invalid exptime argument');
export const SHUTDOWN_DISABLED: Buffer = line('ERROR: shutdown not enabled');
export const OBJECT_TOO_LARGE: Buffer = line('SERVER_ERROR object too large for cache');
export const FLUSHED: Buffer = line('OK');
export const STORED: Buffer = line('STORED');
export const WRONG_PASSWORD: Buffer = line('CLIENT_ERROR authentication failure');
export const UNAUTHENTICATED: Buffer = line('CLIENT_ERROR unauthenticated');
/** memcached has no users with rules. */
export const FORBIDDEN_COMMAND: Buffer = line('CLIENT_ERROR this user has no permissions to run the command');
export const FORBIDDEN_KEY: Buffer = line('CLIENT_ERROR this user has no permissions to access the key');
export const END: Buffer = line('END');
export const MN: Buffer = line('MN');
export const DUPLICATE_FLAG: Buffer = line('CLIENT_ERROR duplicate flag');
export const INVALID_OR_DUPLICATE_FLAG: Buffer = line('CLIENT_ERROR invalid or duplicate flag');
export const TOO_MANY_FLAGS_GET: Buffer = line('CLIENT_ERROR options flags are too long');
export const TOO_MANY_FLAGS: Buffer = line('CLIENT_ERROR options flags too long');

/** memcached closes without a word. */
export const LINE_TOO_LONG_REPLY: Buffer = line('CLIENT_ERROR line too long');
export const REQUEST_TOO_LARGE: Buffer = line('CLIENT_ERROR request too large');
/** Of who comes when there is no place, or signs in as somebody who has as many connections as it may. */
export const TOO_MANY_CLIENTS: Buffer = line('ERROR Too many open connections');
export const NOT_ASKED_FOR: Buffer = line('SERVER_ERROR a server answered with a key that it was not asked for');
export const CROSS_SERVER: Buffer = line('SERVER_ERROR the keys are on different servers');

const FAILURES = Object.fromEntries(
  FAILURE_REASONS.map(reason => [reason, line(`SERVER_ERROR ${FAILURE_TEXT[reason]}`)]),
) as Record<FailureReason, Buffer>;

export function failureReply(reason: FailureReason): Buffer {
  return FAILURES[reason];
}
