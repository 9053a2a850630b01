// The few commands of a soak in the words of each protocol.
import { FAILURE_TEXT } from '../../src/request/failure.ts';
import { encodeCommand, parseReply, RespError, replyEnd } from '../support/resp-reader.ts';

/** Values by key, or the text of an error. Throws on what is neither. */
export type ReadValues = (Buffer | null)[] | string;

export interface Dialect {
  readonly protocol: 'redis' | 'memcached';
  readonly hasNoreply: boolean;
  readonly biggestBytes: number;
  get(keys: readonly string[]): Buffer;
  readValues(reply: Buffer, keys: readonly string[]): ReadValues;
  set(key: string, value: Buffer, isSilent: boolean): Buffer;
  /** Several at once; null where the protocol has no such command. */
  setAll(pairs: readonly (readonly [string, Buffer])[]): Buffer | null;
  remove(key: string): Buffer;
  /** Null when the reply says that it is done, or the text of an error. Throws on what is neither. */
  readDone(reply: Buffer): string | null;
  /** A request without a key. */
  echo(token: string): Buffer;
  /** As readDone, for the reply to it. */
  readEcho(reply: Buffer, token: string): string | null;
  /** Position after the reply to a request of this kind, or -1. */
  end(arrived: Buffer, kind: 'values' | 'other'): number;
  /** Nonsense after which Ringmaster closes. */
  readonly garbage: string;
}

const FAILURES = new Set(Object.values(FAILURE_TEXT));

/** The text of a failure that Ringmaster words. Throws when it is another: servers of a soak have no errors of their own. */
function failureText(text: string): string {
  if (!FAILURES.has(text)) throw new Error(`an error that is none of Ringmaster's: ${JSON.stringify(text)}`);
  return text;
}

export const REDIS_DIALECT: Dialect = {
  protocol: 'redis',
  hasNoreply: false,
  biggestBytes: 400_000,
  get: keys => encodeCommand(...(keys.length === 1 ? ['GET', ...keys] : ['MGET', ...keys])),
  readValues(reply, keys) {
    const value = parseReply(reply);
    if (value instanceof RespError) return redisFailure(value);
    const list = keys.length === 1 ? [value] : value;
    if (!Array.isArray(list) || list.length !== keys.length) throw new Error('not as many values as keys');
    return list.map(each => {
      if (each !== null && !Buffer.isBuffer(each)) throw new Error('no bulk string');
      return each;
    });
  },
  set: (key, value) => encodeCommand('SET', key, value),
  setAll: pairs => encodeCommand('MSET', ...pairs.flat()),
  remove: key => encodeCommand('DEL', key),
  readDone(reply) {
    const value = parseReply(reply);
    if (value instanceof RespError) return redisFailure(value);
    if (value !== 'OK' && value !== 0 && value !== 1) throw new Error('neither OK nor 0 nor 1');
    return null;
  },
  echo: token => encodeCommand('ECHO', token),
  readEcho(reply, token) {
    const value = parseReply(reply);
    if (!Buffer.isBuffer(value) || value.toString('latin1') !== token) throw new Error(`not ${token}`);
    return null;
  },
  end: arrived => replyEnd(arrived),
  garbage: '*1\r\n+nonsense\r\n',
};

function redisFailure(error: RespError): string {
  return failureText(error.text.replace(/^ERR /, ''));
}

export const MEMCACHED_DIALECT: Dialect = {
  protocol: 'memcached',
  hasNoreply: true,
  biggestBytes: 150_000,
  get: keys => Buffer.from(`get ${keys.join(' ')}\r\n`),
  readValues(reply, keys) {
    if (reply[0] === 0x53) return memcachedFailure(reply);
    const values: (Buffer | null)[] = [];
    let at = 0;
    for (const key of keys) {
      const lineEnd = reply.indexOf('\r\n', at);
      const line = reply.toString('latin1', at, lineEnd);
      const found = /^VALUE ([^ ]+) 0 (\d+)$/.exec(line);
      if (found === null && line !== 'END') throw new Error(`a line that belongs to no key: ${JSON.stringify(line)}`);
      if (found?.[1] !== key) values.push(null);
      else {
        const end = lineEnd + 2 + Number(found[2]);
        values.push(reply.subarray(lineEnd + 2, end));
        at = end + 2;
      }
    }
    if (reply.toString('latin1', at) !== 'END\r\n') throw new Error('values that were not asked for');
    return values;
  },
  set: (key, value, isSilent) =>
    Buffer.concat([
      Buffer.from(`set ${key} 0 0 ${value.length}${isSilent ? ' noreply' : ''}\r\n`),
      value,
      Buffer.from('\r\n'),
    ]),
  setAll: () => null,
  remove: key => Buffer.from(`delete ${key}\r\n`),
  readDone(reply) {
    if (/^(?:STORED|DELETED|NOT_FOUND)\r\n$/.test(reply.toString('latin1'))) return null;
    return memcachedFailure(reply);
  },
  echo: () => Buffer.from('version\r\n'),
  readEcho: reply => (/^VERSION \d+\.\d+\.\d+\r\n$/.test(reply.toString('latin1')) ? null : memcachedFailure(reply)),
  end(arrived, kind) {
    for (let at = 0; ; ) {
      const lineEnd = arrived.indexOf('\r\n', at);
      if (lineEnd < 0) return -1;
      const length = kind === 'values' ? /^VALUE [^ ]+ \d+ (\d+)$/.exec(arrived.toString('latin1', at, lineEnd)) : null;
      if (length === null) return lineEnd + 2;
      at = lineEnd + 2 + Number(length[1]) + 2;
      if (at > arrived.length) return -1;
    }
  },
  garbage: `${'nonsense'.repeat(300)}\r\n`,
};

function memcachedFailure(reply: Buffer): string {
  const text = /^SERVER_ERROR (.*)\r\n$/.exec(reply.toString('latin1', 0, 200))?.[1];
  if (text === undefined) throw new Error('neither an answer nor an error');
  return failureText(text);
}
