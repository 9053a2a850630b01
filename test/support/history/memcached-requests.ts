// What clients of a history do to memcached: registers and counters, in text and meta commands.
import type { SeededRandom } from '../seeded-random.ts';
import type { DrawRequest, HistoryRequest } from './history-client.ts';
import type { Seen } from './key-history.ts';
import type { HistoryRecorder } from './recorder.ts';

const NEVER = Number.POSITIVE_INFINITY;
const LIFETIME_SECONDS = 100_000;
/** Each key has its own, so that a value that comes under wrong flags shows. */
export const flagsOf = (key: string) => (key.length * 7919 + key.charCodeAt(key.length - 1)) % 65_536;

export interface MemcachedKeys {
  readonly registers: readonly string[];
  readonly counters: readonly string[];
}

export function drawMemcachedRequest({ registers: keys, counters }: MemcachedKeys): DrawRequest {
  /** By counter: what the last `gets` of anybody gave. */
  const tokens = new Map<string, Token>();
  return (random, recorder, by) => {
    if (random.chance(0.25)) return counterRequest(random, recorder, random.pick(counters), tokens);
    const key = random.pick(keys);
    switch (random.between(0, 8)) {
      case 0:
      case 1:
      case 2:
        return get(recorder, by, [key]);
      case 3:
        return get(recorder, by, random.sample(keys, Math.min(4, keys.length)));
      case 4:
        return metaGet(recorder, by, key);
      case 5:
        return set(
          recorder,
          by,
          key,
          value => `set ${key} ${flagsOf(key)} ${LIFETIME_SECONDS} ${value.length}\r\n${value}\r\n`,
          'STORED',
        );
      case 6:
        return set(recorder, by, key, value => `ms ${key} ${value.length} F${flagsOf(key)}\r\n${value}\r\n`, 'HD');
      case 7:
        return remove(recorder, by, key, `delete ${key}\r\n`, { DELETED: 'something', NOT_FOUND: null });
      default:
        return remove(recorder, by, key, `md ${key}\r\n`, { HD: 'something', NF: null });
    }
  };
}

const lineEnd = (arrived: Buffer) => (arrived.includes('\r\n') ? arrived.indexOf('\r\n') + 2 : -1);
const isError = (text: string) => /^(?:SERVER_|CLIENT_)?ERROR/.test(text);

function get(recorder: HistoryRecorder, by: string, keys: readonly string[]): HistoryRequest {
  return {
    bytes: Buffer.from(`get ${keys.join(' ')}\r\n`),
    // Values are words: no line of theirs is END.
    end(arrived) {
      const text = arrived.toString('latin1');
      const match = /^(?:END|(?:SERVER_|CLIENT_)?ERROR[^\r]*)\r\n/m.exec(text);
      return match === null ? -1 : match.index + match[0].length;
    },
    answered(reply, invokedAt, returnedAt) {
      const text = reply.toString('latin1');
      if (isError(text)) return text.trim();
      const found = new Map<string, string>();
      const rest = text.replace(
        /VALUE (\S+) (\d+) (\d+)\r\n(\w*)\r\n/g,
        (_, key: string, flags, length, value: string) => {
          if (value.length !== Number(length) || Number(flags) !== flagsOf(key))
            throw new Error(`${text} is no answer`);
          found.set(key, value);
          return '';
        },
      );
      if (rest !== 'END\r\n') throw new Error(`${text} is no answer`);
      for (const key of keys) {
        recorder.register(key, { kind: 'read', value: '', seen: found.get(key) ?? null, invokedAt, returnedAt, by });
      }
      return null;
    },
    lost() {},
  };
}

function metaGet(recorder: HistoryRecorder, by: string, key: string): HistoryRequest {
  return {
    bytes: Buffer.from(`mg ${key} f v\r\n`),
    end(arrived) {
      const end = lineEnd(arrived);
      if (end < 0 || arrived.toString('latin1', 0, 3) !== 'VA ') return end;
      const whole = end + Number.parseInt(arrived.toString('latin1', 3, end), 10) + 2;
      return arrived.length >= whole ? whole : -1;
    },
    answered(reply, invokedAt, returnedAt) {
      const text = reply.toString('latin1');
      if (isError(text)) return text.trim();
      const match = /^(?:EN|VA \d+ f(\d+)\r\n(\w*))\r\n$/.exec(text);
      if (match === null || (match[1] !== undefined && Number(match[1]) !== flagsOf(key))) {
        throw new Error(`${text} is no answer`);
      }
      recorder.register(key, { kind: 'read', value: '', seen: match[2] ?? null, invokedAt, returnedAt, by });
      return null;
    },
    lost() {},
  };
}

function set(
  recorder: HistoryRecorder,
  by: string,
  key: string,
  words: (value: string) => string,
  done: string,
): HistoryRequest {
  const value = recorder.newValue();
  const record = (invokedAt: number, returnedAt: number) =>
    recorder.register(key, { kind: 'write', value, seen: undefined, invokedAt, returnedAt, by });
  return {
    bytes: Buffer.from(words(value)),
    end: lineEnd,
    answered(reply, invokedAt, returnedAt) {
      const text = reply.toString('latin1').trim();
      if (isError(text)) return text;
      if (text !== done) throw new Error(`${text} is no answer`);
      record(invokedAt, returnedAt);
      return null;
    },
    lost: invokedAt => record(invokedAt, NEVER),
  };
}

function remove(
  recorder: HistoryRecorder,
  by: string,
  key: string,
  words: string,
  answers: Readonly<Record<string, Seen>>,
): HistoryRequest {
  const record = (seen: Seen | undefined, invokedAt: number, returnedAt: number) =>
    recorder.register(key, { kind: 'delete', value: '', seen, invokedAt, returnedAt, by });
  return {
    bytes: Buffer.from(words),
    end: lineEnd,
    answered(reply, invokedAt, returnedAt) {
      const text = reply.toString('latin1').trim();
      if (isError(text)) return text;
      if (!(text in answers)) throw new Error(`${text} is no answer`);
      record(answers[text], invokedAt, returnedAt);
      return null;
    },
    lost: invokedAt => record(undefined, invokedAt, NEVER),
  };
}

interface Token {
  readonly value: number;
  readonly cas: string;
}

function counterRequest(
  random: SeededRandom,
  recorder: HistoryRecorder,
  key: string,
  tokens: Map<string, Token>,
): HistoryRequest {
  const token = tokens.get(key);
  switch (random.between(0, 5)) {
    case 0:
      return beginning(recorder, key);
    case 1:
    case 2:
      return step(recorder, key, `incr ${key} 1\r\n`, /^(\d+)$/, /^NOT_FOUND$/);
    case 3:
      return token === undefined ? getToken(recorder, key, tokens) : swap(recorder, key, token);
    case 4:
      return getToken(recorder, key, tokens);
    default:
      return step(recorder, key, `ma ${key} v\r\n`, /^VA \d+\r\n(\d+)$/, /^NF$/);
  }
}

function beginning(recorder: HistoryRecorder, key: string): HistoryRequest {
  const value = recorder.newGeneration();
  const text = String(value);
  return {
    bytes: Buffer.from(`add ${key} ${flagsOf(key)} 0 ${text.length}\r\n${text}\r\n`),
    end: lineEnd,
    answered(reply, invokedAt, returnedAt) {
      const line = reply.toString('latin1').trim();
      if (isError(line)) return line;
      if (line !== 'STORED' && line !== 'NOT_STORED') throw new Error(`${line} is no answer`);
      if (line === 'STORED') recorder.counted(key, { kind: 'begin', value, invokedAt, returnedAt });
      return null;
    },
    lost: invokedAt => recorder.counted(key, { kind: 'begin', value, invokedAt, returnedAt: NEVER }),
  };
}

/** `known`: what it is then; else the first group of `done`. */
function step(
  recorder: HistoryRecorder,
  key: string,
  words: string,
  done: RegExp,
  missed: RegExp,
  known?: number,
): HistoryRequest {
  return {
    bytes: Buffer.from(words),
    end(arrived) {
      const end = lineEnd(arrived);
      if (end < 0 || arrived.toString('latin1', 0, 3) !== 'VA ') return end;
      const whole = end + Number.parseInt(arrived.toString('latin1', 3, end), 10) + 2;
      return arrived.length >= whole ? whole : -1;
    },
    answered(reply, invokedAt, returnedAt) {
      const text = reply.toString('latin1').trim();
      if (isError(text)) return text;
      if (missed.test(text)) return null;
      const match = done.exec(text);
      if (match === null) throw new Error(`${text} is no answer`);
      recorder.counted(key, { kind: 'step', value: known ?? Number(match[1]), invokedAt, returnedAt });
      return null;
    },
    // What is not known of a step says nothing.
    lost() {},
  };
}

function getToken(recorder: HistoryRecorder, key: string, tokens: Map<string, Token>): HistoryRequest {
  const { end } = get(recorder, '', [key]);
  return {
    bytes: Buffer.from(`gets ${key}\r\n`),
    end,
    answered(reply, invokedAt, returnedAt) {
      const text = reply.toString('latin1');
      if (isError(text)) return text.trim();
      if (text === 'END\r\n') return null;
      const match = /^VALUE \S+ (\d+) \d+ (\d+)\r\n(\d+)\r\nEND\r\n$/.exec(text);
      if (match === null || Number(match[1]) !== flagsOf(key)) throw new Error(`${text} is no answer`);
      const value = Number(match[3]);
      recorder.counted(key, { kind: 'read', value, invokedAt, returnedAt });
      tokens.set(key, { value, cas: match[2]! });
      return null;
    },
    lost() {},
  };
}

/** Adds one by what was read before, if nothing has changed since. */
function swap(recorder: HistoryRecorder, key: string, { value: before, cas }: Token): HistoryRequest {
  const value = before + 1;
  const text = String(value);
  const words = `cas ${key} ${flagsOf(key)} 0 ${text.length} ${cas}\r\n${text}\r\n`;
  return step(recorder, key, words, /^STORED$/, /^(?:EXISTS|NOT_FOUND)$/, value);
}
