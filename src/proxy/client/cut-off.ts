import type { ClientHost } from '../client-host.ts';

/** A client does not read its replies. */
export function logCutOff({ log, poolName }: ClientHost, unsentBytes: number, heldBytes: number): void {
  log.warn(
    { pool: poolName, unsentBytes, heldBytes },
    'client cut off: the replies that it has not read grew over client_output_limit',
  );
}

/** One goes on asking, and reads nothing. */
export function logUnread({ log, poolName }: ClientHost, unsentBytes: number, unparsedBytes: number): void {
  log.warn(
    { pool: poolName, unsentBytes, unparsedBytes },
    'client cut off: it goes on asking and reads nothing, and what is kept of that grew over client_output_limit',
  );
}
