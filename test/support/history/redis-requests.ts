// What clients of a history do to Redis: registers by many commands, counters, sets, and queues.

import { encodeCommand, parseReply, RespError, type RespValue, replyEnd } from '../resp-reader.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { DrawRequest, HistoryRequest } from './history-client.ts';
import type { Seen } from './key-history.ts';
import type { HistoryRecorder } from './recorder.ts';

export interface RedisKeys {
  readonly registers: readonly string[];
  readonly counters: readonly string[];
  readonly sets: readonly string[];
  readonly queues: readonly string[];
}

const NEVER = Number.POSITIVE_INFINITY;
const LIFETIME_SECONDS = '100000';
const WAITS_SECONDS = ['0.05', '0.2', '1'];
const SET_SCRIPT = "return redis.call('SET', KEYS[1], ARGV[1])";

export function drawRedisRequest(keys: RedisKeys): DrawRequest {
  return (random, recorder, by) => {
    if (random.chance(0.1)) return increment(recorder, random.pick(keys.counters));
    if (random.chance(0.1)) return addition(recorder, random.pick(keys.sets));
    if (random.chance(0.06)) return push(recorder, random.pick(keys.queues));
    if (random.chance(0.06)) return pop(recorder, random.pick(keys.queues), random);
    const key = random.pick(keys.registers);
    switch (random.between(0, 9)) {
      case 0:
      case 1:
      case 2:
        return read(recorder, by, ['GET', key], [key]);
      case 3:
        return write(recorder, by, [key], ([value]) => ['SET', key, value!]);
      case 4:
        return write(recorder, by, [key], ([value]) => ['SET', key, value!, 'EX', LIFETIME_SECONDS]);
      case 5:
        return write(recorder, by, [key], ([value]) => ['EVAL', SET_SCRIPT, '1', key, value!]);
      case 6:
        return remove(recorder, by, [key]);
      case 7: {
        const several = random.sample(keys.registers, Math.min(3, keys.registers.length));
        return write(recorder, by, several, values => ['MSET', ...several.flatMap((each, i) => [each, values[i]!])]);
      }
      case 8: {
        const several = random.sample(keys.registers, Math.min(4, keys.registers.length));
        return read(recorder, by, ['MGET', ...several], several);
      }
      default:
        return transaction(recorder, by, key, random);
    }
  };
}

function request(
  bytes: Buffer,
  replies: number,
  take: (values: RespValue[], invokedAt: number, returnedAt: number) => void,
  lost: (invokedAt: number) => void,
): HistoryRequest {
  return {
    bytes,
    end(arrived) {
      let at = 0;
      for (let i = 0; i < replies && at >= 0; i++) at = at < arrived.length ? replyEnd(arrived, at) : -1;
      return at;
    },
    answered(reply, invokedAt, returnedAt) {
      const values: RespValue[] = [];
      for (let at = 0; at < reply.length; ) {
        const end = replyEnd(reply, at);
        values.push(parseReply(reply.subarray(at, end)));
        at = end;
      }
      const error = values.flat().find(value => value instanceof RespError);
      if (error !== undefined) return (error as RespError).text;
      take(values, invokedAt, returnedAt);
      return null;
    },
    lost,
  };
}

function seenOf(value: RespValue | undefined): Seen {
  if (value === null) return null;
  if (!Buffer.isBuffer(value)) throw new Error(`${JSON.stringify(value)} is no value`);
  return value.toString('latin1');
}

function read(recorder: HistoryRecorder, by: string, words: string[], keys: readonly string[]): HistoryRequest {
  const take = ([reply]: RespValue[], invokedAt: number, returnedAt: number) => {
    const list = keys.length === 1 ? [reply] : reply;
    if (!Array.isArray(list) || list.length !== keys.length) throw new Error('not as many values as keys');
    for (const [i, key] of keys.entries()) {
      recorder.register(key, { kind: 'read', value: '', seen: seenOf(list[i]), invokedAt, returnedAt, by });
    }
  };
  return request(encodeCommand(...words), 1, take, () => {});
}

function write(
  recorder: HistoryRecorder,
  by: string,
  keys: readonly string[],
  words: (values: string[]) => string[],
): HistoryRequest {
  const values = keys.map(() => recorder.newValue());
  const record = (invokedAt: number, returnedAt: number) => {
    for (const [i, key] of keys.entries()) {
      recorder.register(key, { kind: 'write', value: values[i]!, seen: undefined, invokedAt, returnedAt, by });
    }
  };
  const take = ([reply]: RespValue[], invokedAt: number, returnedAt: number) => {
    if (reply !== 'OK') throw new Error(`${JSON.stringify(reply)} is not OK`);
    record(invokedAt, returnedAt);
  };
  return request(encodeCommand(...words(values)), 1, take, invokedAt => record(invokedAt, NEVER));
}

function remove(recorder: HistoryRecorder, by: string, [key]: [string]): HistoryRequest {
  const record = (seen: Seen | undefined, invokedAt: number, returnedAt: number) =>
    recorder.register(key, { kind: 'delete', value: '', seen, invokedAt, returnedAt, by });
  const take = ([reply]: RespValue[], invokedAt: number, returnedAt: number) => {
    if (reply !== 0 && reply !== 1) throw new Error(`${JSON.stringify(reply)} is neither 0 nor 1`);
    record(reply === 1 ? 'something' : null, invokedAt, returnedAt);
  };
  return request(encodeCommand('DEL', key), 1, take, invokedAt => record(undefined, invokedAt, NEVER));
}

/** What it reads is what it has just written. */
function transaction(recorder: HistoryRecorder, by: string, key: string, random: SeededRandom): HistoryRequest {
  const value = recorder.newValue();
  const isWhole = random.chance(0.5);
  const words = [['MULTI'], ['SET', key, value], ['GET', key], ['EXEC']];
  const bytes = Buffer.concat(words.map(each => encodeCommand(...each)));
  const record = (invokedAt: number, returnedAt: number) =>
    recorder.register(key, { kind: 'write', value, seen: undefined, invokedAt, returnedAt, by });
  const take = (replies: RespValue[], invokedAt: number, returnedAt: number) => {
    const results = replies.at(-1);
    if (!Array.isArray(results) || results[0] !== 'OK' || seenOf(results[1]) !== value) {
      throw new Error(`${JSON.stringify(replies)} is not what a transaction gives`);
    }
    record(invokedAt, returnedAt);
  };
  // Half of them watch first, which gives them a connection of their own.
  const all = isWhole ? bytes : Buffer.concat([encodeCommand('WATCH', `${key}`), bytes]);
  const lost = (invokedAt: number) => record(invokedAt, NEVER);
  const count = isWhole ? 4 : 5;
  const whole = request(all, count, take, lost);
  return {
    ...whole,
    // Somebody else has written what is watched: it was not done.
    answered: (reply, invokedAt, returnedAt) =>
      !isWhole && reply.subarray(-5).toString('latin1') === '*-1\r\n'
        ? null
        : whole.answered(reply, invokedAt, returnedAt),
  };
}

function increment(recorder: HistoryRecorder, key: string): HistoryRequest {
  const take = ([result]: RespValue[], invokedAt: number, returnedAt: number) => {
    if (typeof result !== 'number') throw new Error(`${JSON.stringify(result)} is no integer`);
    recorder.increment(key, { result, invokedAt, returnedAt });
  };
  const lost = (invokedAt: number) => recorder.increment(key, { result: undefined, invokedAt, returnedAt: NEVER });
  return request(encodeCommand('INCR', key), 1, take, lost);
}

function addition(recorder: HistoryRecorder, key: string): HistoryRequest {
  const member = recorder.newValue();
  const take = ([count]: RespValue[]) => {
    // 0: it was there, though nobody else adds it.
    if (count !== 1) throw new Error(`${JSON.stringify(count)} members were added`);
    recorder.addition(key, member, true);
  };
  return request(encodeCommand('SADD', key, member), 1, take, () => recorder.addition(key, member, false));
}

function push(recorder: HistoryRecorder, key: string): HistoryRequest {
  const value = recorder.newValue();
  const take = ([length]: RespValue[]) => {
    // 0 where it went to a client that waited for one.
    if (typeof length !== 'number') throw new Error(`${JSON.stringify(length)} is no length`);
    recorder.push(key, value, true);
  };
  return request(encodeCommand('RPUSH', key, value), 1, take, () => recorder.push(key, value, false));
}

/** Waits for one, or takes one at once. */
function pop(recorder: HistoryRecorder, key: string, random: SeededRandom): HistoryRequest {
  const waits = random.chance(0.7);
  const take = ([reply]: RespValue[]) => {
    const value = Array.isArray(reply) ? reply[1] : reply;
    if (Array.isArray(reply) && seenOf(reply[0]) !== key) throw new Error(`${seenOf(reply[0])} is not the key`);
    const seen = seenOf(value);
    if (seen !== null) recorder.pop(key, seen);
  };
  const words = waits ? ['BLPOP', key, random.pick(WAITS_SECONDS)] : ['LPOP', key];
  return request(encodeCommand(...words), 1, take, () => recorder.pop(key, undefined));
}
