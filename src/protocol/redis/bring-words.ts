// Brings keys by MIGRATE (Redis 3.0.6 and newer): the server that has a key gives it to the other, and has it no more once the
// other has taken it. While it does, it does nothing else. It never replaces a key there.
import { type BringTask, type BringWords, SIDE_FROM, SIDE_TO } from '../bringing.ts';
import { migrationAuth } from './migration-traits.ts';
import { bringInParts } from './parts-bringing.ts';
import { claimOf, isOwnNameIn, markOf } from './parts-traits.ts';
import { COLON, DOLLAR, encodeRequest, MINUS } from './resp.ts';
import { databaseOf, RESP2_VARIANT } from './session.ts';

const MAX_QUOTED_BYTES = 200;
/** How often one task asks anew at most. */
const TRIES = 2;
const NONE = Buffer.from(':0\r\n');
const COUNT_REQUEST = encodeRequest('INFO', 'errorstats');
/** A request that has come in part, on a connection on which one server gives keys to another. */
const PARTLY_GIVEN = /\bqbuf=[1-9]\d* .*\bcmd=(?:NULL|auth|select|restore|restore-asking)\b/;

export const BRING_WORDS: BringWords = {
  variantOf: variant => (databaseOf(variant) << 1) | RESP2_VARIANT,
  maxKeys: 16,
  isFinal: true,
  isFinished: false,
  replyKind: 0,
  isOwnName: isOwnNameIn,
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
 * was seen to have arrived. (Counted by Redis 6.2 and newer, before the server does anything else.) The same goes for keys that
 * somebody moves in parts, of which a mark tells (parts-traits.ts).
 */
function migrate(task: BringTask, tries = TRIES): void {
  const request = migrateRequest(task);
  if (request === null) {
    task.failed('keys can only be given to a server that has a host and a port');
    return;
  }
  const { keys } = task;
  askCounted(task, keys.map(sizeRequest), tries, (sizes, isMarked) => {
    const areGone = sizes.every(isNil);
    const isBig = sizes.some(size => sizeOf(size) > task.wholeBytes);
    if (areGone) confirm(task, isMarked);
    else if (!isBig) give(task, request, tries);
    else if (keys.length > 1) task.apart();
    else giveInParts(task, sizeOf(sizes[0] as Buffer), request, tries);
  });
}

function give(task: BringTask, request: Buffer, tries: number): void {
  askCounted(task, [request], tries, ([reply], isMarked) => {
    const words = wordsOf(reply as Buffer);
    if (reply?.[0] !== MINUS) confirm(task, isMarked);
    else if (words.startsWith('IOERR')) task.failed(words);
    else if (task.keys.length > 1) task.apart();
    else if (words.includes('BUSYKEY')) forget(task, [], tries);
    else task.failed(words);
  });
}

function giveInParts(task: BringTask, bytes: number, request: Buffer, tries: number): void {
  const key = task.keys[0] as Buffer;
  bringInParts(task, bytes, result => {
    if (result === 'there') forget(task, [markOf(key)], tries);
    else if (result === 'whole') give(task, request, tries);
    else if (tries > 0) migrate(task, tries - 1);
    else task.failed('a key that is moved in parts comes and goes');
  });
}

/**
 * Both have the key: an earlier MIGRATE was cut off in the middle, or it was moved in parts. What the other has may be newer by now,
 * what is here is written to no more.
 */
function forget(task: BringTask, more: readonly Buffer[], tries: number): void {
  askCounted(task, [encodeRequest('UNLINK', task.keys[0] as Buffer, ...more)], tries, ([reply], isMarked) => {
    if (reply?.[0] === MINUS) task.failed(wordsOf(reply));
    else confirm(task, isMarked);
  });
}

/** The giving server has the keys no more. `isMarked`: somebody may be about to put one that he has read in parts to the other. */
function confirm(task: BringTask, isMarked: boolean): void {
  if (!isMarked) {
    task.done();
    return;
  }
  task.ask(SIDE_TO, encodeRequest('UNLINK', ...task.keys.map(claimOf)), true, (reply, reason) => {
    if (reply === null) task.failed(reason ?? 'no reply');
    else if (reply[0] === MINUS) task.failed(wordsOf(reply));
    else task.done();
  });
}

/**
 * Asks the giving server; where an answer is not good, all is done again once it can be, for as often as `tries` says. `then` also
 * hears whether there are marks.
 */
function askCounted(
  task: BringTask,
  requests: readonly Buffer[],
  tries: number,
  then: (replies: readonly Buffer[], isMarked: boolean) => void,
): void {
  const replies: (Buffer | null)[] = [];
  const { keys, isBack } = task;
  // On the way back it may be here that somebody was about to put one.
  if (isBack) task.ask(SIDE_FROM, encodeRequest('UNLINK', ...keys.map(claimOf)), true, () => {});
  for (const request of [...requests, encodeRequest('EXISTS', ...keys.map(markOf))]) {
    task.ask(SIDE_FROM, request, true, reply => void replies.push(reply === null ? null : Buffer.from(reply)));
  }
  task.ask(SIDE_FROM, COUNT_REQUEST, true, (counted, reason) => {
    if (counted === null || replies.includes(null)) {
      // Done a second time it does nothing more than it has done, and the server does one after the other.
      if (tries > 0 && reason !== 'connection_refused') migrate(task, tries - 1);
      else task.failed(reason ?? 'no reply');
      return;
    }
    const answers = replies as Buffer[];
    const marks = answers.pop() as Buffer;
    const failures = failuresOf(counted);
    const { source } = task;
    if (failures === source.fencedFailures) {
      then(answers, marks[0] !== MINUS && !marks.equals(NONE));
      return;
    }
    const words = wordsOf(answers[0] as Buffer);
    task.fence(isQuiet => {
      if (isQuiet) source.fencedFailures = failures;
      if (isQuiet && tries > 0) migrate(task, tries - 1);
      else task.failed(words.startsWith('IOERR') ? words : 'a server is not done with keys that came before');
    });
  });
}

function sizeRequest(key: Buffer): Buffer {
  return encodeRequest('MEMORY', 'USAGE', key);
}

function isNil(reply: Buffer): boolean {
  return reply[0] === DOLLAR && reply[1] === MINUS;
}

/** What a key takes in memory; 0: there is none, or the server does not say. */
function sizeOf(reply: Buffer): number {
  return reply[0] === COLON ? Number(reply.toString('latin1', 1).trim()) : 0;
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
