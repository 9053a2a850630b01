// What those ask of two Redis servers who move a key in parts, whichever process they are in: workers, for a key that is asked
// for, and the mover, for the rest. MIGRATE would keep both servers for as long as the whole value takes.
//
//   claim it on the target ─▶ part after part into a key beside ─▶ mark it on the source, which has it still
//      └─ another's: wait, and begin again                            │
//                  delete it on the source, and the mark ◀─ commit, if the claim is still ours: what is beside becomes the key
//
// The names are those of the key with an ending: `:ringmaster:claim`, `:ringmaster:parts:ID`, `:ringmaster:moving`.
// While keys move nobody writes on the source, so what is read there in parts is one value. On the target it appears in one step,
// and only by whom the claim belongs to. Whoever may take a key for moved (MIGRATE says so, the source has none) while its mark
// is on the source first takes the claim away, so that nobody's commit, however late, brings back what was deleted since. A
// claim expires, so that who died is waited for no longer than that; a mark is there for longer than the claim of who set it.
// test/model/redis-reshard-model.ts goes through all orders of events.
import { ErrorReply, type Reply } from './reply-traits.ts';
import { VALUE_PARTS, type ValueParts, type Word } from './value-traits.ts';

const MARK = ':ringmaster:moving';
const CLAIM = ':ringmaster:claim';
const PARTS = ':ringmaster:parts:';
const COLON = 0x3a;
const ENDS_RINGMASTER = 0x72;
const ENDS_PARTS = 0x73;
const OWN_NAME = /:ringmaster:(?:moving|claim|parts:[0-9a-f]+)$/;
const OWN_NAME_MAX_BYTES = 64;

/** A claim that was not renewed for so long is nobody's. */
const CLAIM_MS = 3000;
const MARK_MS = 60_000;
/** What was left behind is gone after so long. */
const PARTS_MS = 60_000;
/** Another's claim is looked at again after so long. */
const LOOK_AGAIN_MS = 50;
/** Some 1 ms for either server. */
const PART_BYTES = 128 * 1024;
const MAX_UNITS = 1000;
/** Where elements are larger than this there is not much to be taken apart: one would be in memory of who moves it. */
const MAX_UNIT_BYTES = 1024 * 1024;
/** Lua puts no more than 8,000 on its stack. */
const MAX_WORDS = 2 * MAX_UNITS;
/** How often it begins anew because a claim was lost, or what came was not all. */
const TRIES = 5;

const IS_OURS = `local held = redis.call('GET', KEYS[1])
local ours = held and string.sub(held, 1, #ARGV[1]) == ARGV[1]
`;
const TAKE_CLAIM = `${IS_OURS}if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('DEL', KEYS[1]) return 'THERE' end
if held and not ours then
  if ARGV[3] == '1' and string.sub(held, -1) ~= '!' then redis.call('APPEND', KEYS[1], '!') end
  return 'TAKEN'
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[3])
return 'OURS'`;
const ADD_PART = `${IS_OURS}if not ours then return 'LOST' end
redis.call(ARGV[4], KEYS[2], unpack(ARGV, 5))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return string.sub(held, -1) == '!' and 'HURRY' or 'OURS'`;
const KEEP_CLAIM = `${IS_OURS}if ours then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return held and string.sub(held, -1) == '!' and 'HURRY' or 'OURS'`;
const COMMIT = `${IS_OURS}if ours then redis.call('DEL', KEYS[1]) end
local said = 'DONE'
if not ours then said = 'LOST'
elseif redis.call('EXISTS', KEYS[2]) == 1 then said = 'THERE'
elseif redis.call(ARGV[2], KEYS[3]) ~= tonumber(ARGV[3]) then said = 'SHORT' end
if said ~= 'DONE' then redis.call('DEL', KEYS[3]) return said end
redis.call('RENAME', KEYS[3], KEYS[2])
if tonumber(ARGV[4]) < 0 then redis.call('PERSIST', KEYS[2]) else redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return said`;
const GIVE_UP = `${IS_OURS}if ours then redis.call('DEL', KEYS[1]) end
redis.call('DEL', KEYS[2])
return 'OURS'`;

export interface PartsMove {
  readonly key: Buffer;
  /** What it takes in memory, as far as the source knows. */
  readonly bytes: number;
  /** Hexadecimal digits that nobody else has. */
  readonly id: string;
  /** Somebody waits for it: who moves it at leisure is to hurry. */
  readonly isUrgent: boolean;
}

/** What is to be done next: a server is asked for all these in one go, and the replies are handed in; or it is waited. */
export type PartsStep =
  | {
      readonly side: 'source' | 'target';
      readonly commands: readonly (readonly Word[])[];
      /** What of the value goes along. */
      readonly bytes: number;
    }
  | { readonly waitMs: number };

/**
 * `there`: the target has it; the source is to delete it, and the mark (`markOf`) with it. `gone`: the source has no such key any more;
 * `whole`: it can't be moved in parts.
 */
export type PartsResult = 'there' | 'gone' | 'whole';

/** It can't be gone on with; the message says why, perhaps in the words of a server. */
export class PartsTrouble extends Error {}

/** Is on the source while somebody may move the key in parts, and some time after. */
export function markOf(key: Buffer): Buffer {
  return named(key, MARK);
}

/** Is on the target while somebody moves the key there in parts; see `markOf`. */
export function claimOf(key: Buffer): Buffer {
  return named(key, CLAIM);
}

/** Whether a key is none of the clients', but one of those that moving in parts leaves for a while. */
export function isOwnName(key: Buffer): boolean {
  return isOwnNameIn(key, 0, key.length);
}

/** The same of `buf[start, end)`. Of most names it is enough to see what stands before their last colon. */
export function isOwnNameIn(buf: Buffer, start: number, end: number): boolean {
  const from = Math.max(start, end - OWN_NAME_MAX_BYTES);
  let at = end - 1;
  while (at > from && buf[at] !== COLON) at--;
  const before = at > from ? buf[at - 1] : 0;
  if (before !== ENDS_RINGMASTER && before !== ENDS_PARTS) return false;
  return OWN_NAME.test(buf.toString('latin1', from, end));
}

/** Whose mark a name of its own is; null: it is none. */
export function keyOfMark(name: Buffer): Buffer | null {
  const at = name.length - MARK.length;
  return at >= 0 && name.toString('latin1', at) === MARK ? name.subarray(0, at) : null;
}

/** Renews the claim while there is nothing else to say; the reply is for `isToHurry`. */
export function keepClaimWords({ key, id }: PartsMove): readonly Word[] {
  return script(KEEP_CLAIM, [claimOf(key)], [id, CLAIM_MS]);
}

/** A client has begun to wait for the key. */
export function isToHurry(reply: Reply): boolean {
  return textOf(reply) === 'HURRY';
}

/** Moves the key up to the deletion on the source. @throws PartsTrouble */
export function* moveInParts(move: PartsMove): Generator<PartsStep, PartsResult, readonly Reply[]> {
  for (let tries = TRIES; tries > 0; ) {
    const { key } = move;
    const [type] = yield ask('source', ['TYPE', key]);
    const parts = VALUE_PARTS.get(textOf(type));
    if (textOf(type) === 'none') return 'gone';
    if (parts === undefined) return 'whole';
    // A server that lets us run no script moves keys as a whole.
    const [claimed] = yield ask('target', takeClaim(move));
    if (claimed instanceof ErrorReply) return 'whole';
    const claim = textOf(claimed);
    if (claim === 'THERE') return 'there';
    if (claim === 'TAKEN') {
      yield { waitMs: LOOK_AGAIN_MS };
      continue;
    }
    const result = yield* copied(move, parts);
    if (result !== 'lost') return result;
    tries--;
  }
  throw new PartsTrouble('a key that is moved in parts does not come whole');
}

function* copied(move: PartsMove, parts: ValueParts): Generator<PartsStep, PartsResult | 'lost', readonly Reply[]> {
  const { key, id } = move;
  const beside = partsOf(move);
  const giveUp = () => ask('target', script(GIVE_UP, [claimOf(key), beside], [id]));
  try {
    const [first] = yield ask('source', [parts.count, key]);
    const total = numberOf(first);
    if (parts.count !== 'STRLEN' && move.bytes > total * MAX_UNIT_BYTES && total > 0) {
      yield giveUp();
      return 'whole';
    }
    const units = parts.count === 'STRLEN' ? PART_BYTES : unitsOf(total, move.bytes);
    let hasLives = true;
    for (let at: string | null = '0'; at !== null && total > 0; ) {
      const [read] = yield ask('source', parts.read(key, at, units));
      const part = parts.part(known(read), at, units, total);
      const lives = hasLives ? parts.lives(key, part) : null;
      if (lives !== null) {
        const [left] = yield ask('source', lives);
        if (left instanceof ErrorReply) hasLives = false;
        else if (Array.isArray(left) && left.some(ms => Number(ms) >= 0)) {
          yield giveUp();
          return 'whole';
        }
      }
      for (let i = 0; i < part.words.length; i += MAX_WORDS) {
        const words = part.words.slice(i, i + MAX_WORDS);
        const bytes = words.reduce((sum, { length }) => sum + length, 0);
        const values = [id, CLAIM_MS, PARTS_MS, parts.write, ...words];
        const [added] = yield { ...ask('target', script(ADD_PART, [claimOf(key), beside], values)), bytes };
        if (textOf(added) === 'LOST') return 'lost';
      }
      at = part.next;
    }
    // The source has it yet: what was read is what it is. From here on the mark tells of it.
    const mark = markOf(key);
    const marking = ['SET', mark, '', 'PX', MARK_MS, 'NX'];
    const looking = [marking, ['PEXPIRE', mark, MARK_MS], [parts.count, key], ['PTTL', key]];
    const [marked, , last, life] = yield ask('source', ...looking);
    const isGone = numberOf(last) === 0;
    if (isGone || marked instanceof ErrorReply) {
      yield giveUp();
      // Nobody had marked it before, and who does so from now on finds no key either.
      if (isGone && Buffer.isBuffer(marked)) yield ask('source', ['UNLINK', mark]);
      return isGone ? 'gone' : 'whole';
    }
    const values = [id, parts.count, numberOf(last), numberOf(life)];
    const [said] = yield ask('target', script(COMMIT, [claimOf(key), key, beside], values));
    const text = textOf(said);
    return text === 'DONE' || text === 'THERE' ? 'there' : 'lost';
  } catch (error) {
    yield giveUp();
    throw new PartsTrouble((error as Error).message);
  }
}

function takeClaim(move: PartsMove): readonly Word[] {
  const { key, id, isUrgent } = move;
  return script(TAKE_CLAIM, [claimOf(key), key, partsOf(move)], [id, CLAIM_MS, isUrgent ? 1 : 0]);
}

function ask(side: 'source' | 'target', ...commands: readonly (readonly Word[])[]) {
  return { side, commands, bytes: 0 } as const;
}

function script(text: string, keys: readonly Buffer[], values: readonly Word[]): readonly Word[] {
  return ['EVAL', text, keys.length, ...keys, ...values];
}

function partsOf({ key, id }: PartsMove): Buffer {
  return named(key, PARTS + id);
}

function named(key: Buffer, ending: string): Buffer {
  return Buffer.concat([key, Buffer.from(ending)]);
}

/** How many units make a part, where all of them take so many bytes. */
function unitsOf(total: number, bytes: number): number {
  return Math.max(1, Math.min(MAX_UNITS, Math.floor((PART_BYTES * total) / Math.max(1, bytes))));
}

function known(reply: Reply | undefined): Reply {
  if (reply instanceof ErrorReply) throw new PartsTrouble(reply.text);
  if (reply === undefined) throw new PartsTrouble('no reply');
  return reply;
}

function textOf(reply: Reply | undefined): string {
  const said = known(reply ?? undefined);
  if (!Buffer.isBuffer(said)) throw new PartsTrouble('a server answers something else than was asked');
  return said.toString('latin1');
}

function numberOf(reply: Reply | undefined): number {
  const said = known(reply);
  if (typeof said !== 'number') throw new PartsTrouble('a server answers something else than was asked');
  return said;
}
