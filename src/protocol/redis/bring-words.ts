// Brings keys by MIGRATE (Redis 3.0.6 and newer): the server that has a key gives it to the other, and has it no more once the
// other has taken it. While it does, it does nothing else. It never replaces a key there.
import { type BringTask, type BringWords, SIDE_FROM } from '../bringing.ts';
import { migrationAuth } from './migration-traits.ts';
import { encodeRequest, MINUS } from './resp.ts';
import { databaseOf, RESP2_VARIANT } from './session.ts';

const MAX_QUOTED_BYTES = 200;
/** How often one task asks anew at most. */
const TRIES = 2;
const COUNT_REQUEST = encodeRequest('INFO', 'errorstats');
/** A request that has come in part, on a connection on which one server gives keys to another. */
const PARTLY_GIVEN = /\bqbuf=[1-9]\d* .*\bcmd=(?:NULL|auth|select|restore|restore-asking)\b/;

export const BRING_WORDS: BringWords = {
  variantOf: variant => (databaseOf(variant) << 1) | RESP2_VARIANT,
  maxKeys: 16,
  isFinal: true,
  isFinished: false,
  replyKind: 0,
  failures: { request: COUNT_REQUEST, countOf: reply => failuresOf(reply) },
  bring: task => migrate(task),
  listClients: encodeRequest('CLIENT', 'LIST'),
  isQuiet: (reply, ends) => {
    if (reply[0] === MINUS) return wordsOf(reply);
    const lines = reply.toString('latin1').split('\n');
    return !lines.some(line => PARTLY_GIVEN.test(line) || ends.some(end => line.includes(` addr=${end} `)));
  },
};

/**
 * A MIGRATE that fails half-way, anybody's, may have left a RESTORE on its way to the other server, where it would bring back a key
 * that was deleted since. Of that the giving server keeps count: an answer is good only as long as it has not grown since all such
 * was seen to have arrived. (Counted by Redis 6.2 and newer, before the server does anything else.)
 */
function migrate(task: BringTask, tries = TRIES): void {
  const request = migrateRequest(task);
  if (request === null) {
    task.failed('keys can only be given to a server that has a host and a port');
    return;
  }
  askCounted(task, request, true, tries, reply => {
    const words = wordsOf(reply);
    if (reply[0] !== MINUS) task.done();
    else if (words.startsWith('IOERR')) task.failed(words);
    else if (task.keys.length > 1) task.apart();
    else if (words.includes('BUSYKEY')) forget(task, tries);
    else task.failed(words);
  });
}

/**
 * Both have the key: an earlier MIGRATE was cut off in the middle. What the other has may be newer by now, what is here is
 * written to no more.
 */
function forget(task: BringTask, tries: number): void {
  askCounted(task, encodeRequest('UNLINK', task.keys[0] as Buffer), false, tries, reply => {
    if (reply[0] === MINUS) task.failed(wordsOf(reply));
    else task.done();
  });
}

/** Asks the giving server; where an answer is not good, all is done again once it can be, for as often as `tries` says. */
function askCounted(
  task: BringTask,
  request: Buffer,
  isLong: boolean,
  tries: number,
  then: (reply: Buffer) => void,
): void {
  const said: { reply: Buffer | null } = { reply: null };
  task.ask(SIDE_FROM, request, isLong, reply => {
    said.reply = reply === null ? null : Buffer.from(reply);
  });
  task.ask(SIDE_FROM, COUNT_REQUEST, isLong, (counted, reason) => {
    const answer = said.reply;
    if (answer === null || counted === null) {
      // Done a second time it does nothing more than it has done, and the server does one after the other.
      if (tries > 0 && reason !== 'connection_refused') migrate(task, tries - 1);
      else task.failed(reason ?? 'no reply');
      return;
    }
    const failures = failuresOf(counted);
    const { source } = task;
    if (failures === source.fencedFailures) {
      then(answer);
      return;
    }
    const words = wordsOf(answer);
    task.fence(isQuiet => {
      if (isQuiet) source.fencedFailures = failures;
      if (isQuiet && tries > 0) migrate(task, tries - 1);
      else task.failed(words.startsWith('IOERR') ? words : 'a server is not done with keys that came before');
    });
  });
}

/** How often in all a MIGRATE of this server has failed half-way. */
function failuresOf(reply: Buffer): number {
  return Number(/errorstat_IOERR:count=(\d+)/.exec(reply.toString('latin1'))?.[1] ?? 0);
}

function wordsOf(reply: Buffer): string {
  return reply.toString('latin1', 1, Math.min(reply.length, MAX_QUOTED_BYTES)).trim();
}

function migrateRequest({ target, credentials, db, variant, stepTimeoutMs, keys }: BringTask): Buffer | null {
  if (!('host' in target)) return null;
  const auth = credentials === null ? [] : migrationAuth(credentials);
  const database = String(db + databaseOf(variant));
  const words = [target.host, String(target.port), '', database, String(stepTimeoutMs), ...auth, 'KEYS'];
  return encodeRequest('MIGRATE', ...words, ...keys);
}
