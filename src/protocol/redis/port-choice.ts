// What of a client's requests says which pool of a shared port it is for: AUTH and HELLO name a user, SELECT a database.
import { DEFAULT_ACCOUNT } from '../../accounts/accounts.ts';
import { POOL_HERE, POOL_NOWHERE, type PortGuest } from '../port-guest.ts';
import { NO_TOPICS } from '../topics.ts';
import { NOT_AN_INTEGER, WRONG_DB } from './answers/local-commands.ts';
import { nameAt } from './authentication.ts';
import type { Command } from './commands/command.ts';
import { refusalText } from './commands/command-policy.ts';
import type { RequestArgs } from './request-args.ts';
import { errorReply, MAX_LOCAL_ARGUMENTS, MAX_LOCAL_BYTES, OK } from './resp.ts';
import type { RedisSession } from './session.ts';

/** Another pool is to have the request. */
export const GOES_ELSEWHERE = 'elsewhere';

const BOUND = new Map(
  ['auth', 'hello', 'select'].map(name => {
    const why = 'for another pool of this port while keys are watched or channels are subscribed to';
    return [name, errorReply(refusalText(name, why))];
  }),
);

/**
 * What a request that is answered here means to the port that its client has come by: it goes elsewhere, or is answered with this;
 * null: nothing.
 */
export function portChoice(
  command: Command,
  args: RequestArgs,
  session: RedisSession,
  port: PortGuest,
): typeof GOES_ELSEWHERE | Buffer | null {
  // Its user can't be in the file.
  if (args.count > MAX_LOCAL_ARGUMENTS || args.byteCount > MAX_LOCAL_BYTES) return null;
  const name = port.poolBy === 'database' ? databaseNamed(command, args) : userNamed(command, args, port);
  if (name === null) return null;
  if (Buffer.isBuffer(name)) return name;
  const place = port.whereIs(name);
  const isSelect = command.name === 'select';
  if (place === POOL_HERE) return isSelect ? OK : null;
  // Whom nobody knows is refused as one whose password is wrong.
  if (place === POOL_NOWHERE) return isSelect ? WRONG_DB : null;
  if (session.isWatching || session.topics !== NO_TOPICS) return BOUND.get(command.name)!;
  port.goTo(name);
  return GOES_ELSEWHERE;
}

function databaseNamed({ name }: Command, args: RequestArgs): string | Buffer | null {
  if (name !== 'select') return null;
  const database = args.integer(1);
  return Number.isNaN(database) ? NOT_AN_INTEGER : String(database);
}

/** AUTH [user] password, HELLO version AUTH user password … */
function userNamed({ name }: Command, args: RequestArgs, { poolBy }: PortGuest): string | null {
  if (poolBy !== 'user') return null;
  if (name === 'auth' && args.count <= 3) return args.count === 3 ? nameAt(args, 1) : DEFAULT_ACCOUNT;
  if (name !== 'hello') return null;
  for (let at = 2; at < args.count; at++) {
    const more = args.count - 1 - at;
    if (args.isWord(at, 'auth') && more >= 2) return nameAt(args, at + 1);
    if (!args.isWord(at, 'setname') || more < 1) return null;
    at++;
  }
  return null;
}
