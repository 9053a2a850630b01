// SLOWLOG GET, LEN and RESET: the slow requests of the pool, over all workers, in Redis's own shape.
import type { SlowLogSource } from '../../parser-options.ts';
import type { RequestArgs } from '../request-args.ts';
import { encodeReply, errorReply, OK } from '../resp.ts';
import type { RedisSession } from '../session.ts';

const DEFAULT_COUNT = 10;
const BAD_COUNT = errorReply('ERR count should be greater than or equal to -1');

/** Each entry: id, when in seconds, how long in microseconds, the command with its first key, the client, its name. */
export function get(args: RequestArgs, session: RedisSession, log: SlowLogSource): Buffer {
  const given = args.count > 2 ? args.integer(2) : DEFAULT_COUNT;
  if (Number.isNaN(given) || given < -1) return BAD_COUNT;
  const entries = log.newest(given === -1 ? log.length : given);
  return encodeReply(
    entries.map(({ id, atMs, totalUs, command, key, client, clientName }) => [
      id,
      Math.floor(atMs / 1000),
      totalUs,
      [...command.split('|'), ...(key === null ? [] : [key])],
      client,
      clientName,
    ]),
    session.respVersion,
  );
}

export function length(log: SlowLogSource): Buffer {
  return encodeReply(log.length);
}

export function reset(log: SlowLogSource): Buffer {
  log.reset();
  return OK;
}
