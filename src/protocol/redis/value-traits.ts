// How a value that does not change meanwhile is read from one Redis server and written to another in parts: strings by bytes,
// lists and sorted sets by places, sets and hashes by the cursor of SSCAN and HSCAN, which passes over nothing that stays and may
// give something twice.
import type { Reply } from './reply-traits.ts';

export type Word = string | number | Buffer;

/** What was read at once. */
export interface ValuePart {
  /** As the command that writes it takes them. */
  readonly words: readonly Buffer[];
  /** Where the next one begins; null: this is the last. */
  readonly next: string | null;
}

export interface ValueParts {
  /** Says how many units a value has: bytes, elements or fields. */
  readonly count: string;
  /** Asks for some `units` from `at` on, which is '0' at first. */
  read(key: Buffer, at: string, units: number): readonly Word[];
  /** Of the reply to that. @throws Error when it is none */
  part(reply: Reply, at: string, units: number, total: number): ValuePart;
  /** Adds a part to those that are there. */
  readonly write: string;
  /** Words that one unit takes in it. */
  readonly wordsEach: 1 | 2;
  /** Asks for the time to live of what this part has, which a part can't bring along; null: there is none. */
  lives(key: Buffer, part: ValuePart): readonly Word[] | null;
}

const NO_LIVES = (): null => null;

const byPlace = (read: string, ...more: readonly string[]) => ({
  read: (key: Buffer, at: string, units: number) => [read, key, at, Number(at) + units - 1, ...more],
  lives: NO_LIVES,
});

const byCursor = (read: string) => ({
  read: (key: Buffer, at: string, units: number) => [read, key, at, 'COUNT', units],
  part: (reply: Reply): ValuePart => {
    const [cursor, items] = listOf(reply);
    const next = bytesOf(cursor ?? null).toString();
    return { words: listOf(items ?? null).map(bytesOf), next: next === '0' ? null : next };
  },
});

/** By what TYPE says; streams, and what modules have, are moved as a whole. */
export const VALUE_PARTS: ReadonlyMap<string, ValueParts> = new Map<string, ValueParts>([
  [
    'string',
    {
      ...byPlace('GETRANGE'),
      ...{ count: 'STRLEN', write: 'APPEND', wordsEach: 1 },
      part: (reply, at, units, total) => ({ words: [bytesOf(reply)], next: nextPlace(at, units, total) }),
    },
  ],
  [
    'list',
    {
      ...byPlace('LRANGE'),
      ...{ count: 'LLEN', write: 'RPUSH', wordsEach: 1 },
      part: (reply, at, units, total) => ({ words: listOf(reply).map(bytesOf), next: nextPlace(at, units, total) }),
    },
  ],
  [
    'zset',
    {
      ...byPlace('ZRANGE', 'WITHSCORES'),
      ...{ count: 'ZCARD', write: 'ZADD', wordsEach: 2 },
      part: (reply, at, units, total) => {
        const words = listOf(reply).map(bytesOf);
        for (let i = 0; i + 1 < words.length; i += 2) [words[i], words[i + 1]] = [words[i + 1]!, words[i]!];
        return { words, next: nextPlace(at, units, total) };
      },
    },
  ],
  ['set', { ...byCursor('SSCAN'), count: 'SCARD', write: 'SADD', wordsEach: 1, lives: NO_LIVES }],
  [
    'hash',
    {
      ...byCursor('HSCAN'),
      ...{ count: 'HLEN', write: 'HSET', wordsEach: 2 },
      // Redis 7.4, Valkey 9. Others don't know it.
      lives: (key, { words }) => {
        const fields = words.filter((_, i) => i % 2 === 0);
        return fields.length === 0 ? null : ['HPTTL', key, 'FIELDS', fields.length, ...fields];
      },
    },
  ],
]);

function nextPlace(at: string, units: number, total: number): string | null {
  const next = Number(at) + units;
  return next < total ? String(next) : null;
}

function bytesOf(reply: Reply): Buffer {
  if (!Buffer.isBuffer(reply)) throw new Error('a part of a value is not what was asked for');
  return reply;
}

function listOf(reply: Reply): readonly Reply[] {
  if (!Array.isArray(reply)) throw new Error('a part of a value is not what was asked for');
  return reply as readonly Reply[];
}
