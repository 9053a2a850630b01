// What tests of both protocols ask and expect: values that name their key, so that a reply in the wrong place shows.
import type { RawClient } from './raw-client.ts';
import { memcachedRequest, type RequestSplitter, redisRequest, redisWords } from './request-splitter.ts';
import { encodeCommand, replyEnd } from './resp-reader.ts';

export interface Wire {
  readonly protocol: 'redis' | 'memcached';
  readonly split: RequestSplitter;
  get(key: string): string;
  /** Stores the value that `get(key)` is then answered with. */
  set(key: string): string;
  /** The right reply to `get(key)`: a value of `bytes` characters that repeats the key. */
  value(key: string, bytes?: number): string;
  /** The reply of a healthy server to any request that a test or the proxy sends. */
  answer(request: Buffer): string;
  /** A reply of another type than `get` has. */
  readonly wrongType: string;
  /** A reply that says that a request failed. */
  readonly error: RegExp;
  /** Is answered by the proxy itself. */
  readonly ping: string;
  readonly pong: RegExp;
  /** End of the reply that begins at 0, or -1. */
  replyEnd(bytes: Buffer): number;
}

function repeated(key: string, bytes = 40): string {
  return `${key}=`.repeat(Math.ceil(bytes / (key.length + 1))).slice(0, bytes);
}

const redis: Wire = {
  protocol: 'redis',
  split: redisRequest,
  get: key => encodeCommand('GET', key).toString('latin1'),
  set: key => encodeCommand('SET', key, repeated(key)).toString('latin1'),
  value: (key, bytes) => `$${repeated(key, bytes).length}\r\n${repeated(key, bytes)}\r\n`,
  answer(request) {
    const [name, key] = redisWords(request).map(String);
    if (name === 'PING') return '+PONG\r\n';
    return name === 'GET' ? redis.value(key as string) : '+OK\r\n';
  },
  wrongType: ':42\r\n',
  error: /^-ERR [^\r\n]+\r\n$/,
  ping: 'PING\r\n',
  pong: /^\+PONG\r\n$/,
  replyEnd,
};

/** First byte of what a client of memcached's binary protocol is told. */
const BINARY_RESPONSE = 0x81;

function binaryReplyEnd(bytes: Buffer): number {
  const end = bytes.length < 24 ? Number.POSITIVE_INFINITY : 24 + bytes.readUInt32BE(8);
  return end > bytes.length ? -1 : end;
}

const memcached: Wire = {
  protocol: 'memcached',
  split: memcachedRequest,
  get: key => `get ${key}\r\n`,
  set: key => `set ${key} 0 0 ${repeated(key).length}\r\n${repeated(key)}\r\n`,
  value: (key, bytes) => `VALUE ${key} 0 ${repeated(key, bytes).length}\r\n${repeated(key, bytes)}\r\nEND\r\n`,
  answer(request) {
    const [name, key] = request.toString('latin1').trim().split(' ');
    if (name === 'version') return 'VERSION 1.6.18\r\n';
    return name === 'get' ? memcached.value(key as string) : 'STORED\r\n';
  },
  wrongType: 'STORED\r\n',
  error: /^SERVER_ERROR [^\r\n]+\r\n$/,
  ping: 'shutdown\r\n',
  pong: /^ERROR: shutdown not enabled\r\n$/,
  replyEnd(bytes) {
    if (bytes[0] === BINARY_RESPONSE) return binaryReplyEnd(bytes);
    const end = bytes.indexOf(bytes.subarray(0, 6).equals(Buffer.from('VALUE ')) ? '\r\nEND\r\n' : '\r\n');
    if (end < 0) return -1;
    return bytes.subarray(0, 6).equals(Buffer.from('VALUE ')) ? end + 7 : end + 2;
  },
};

/** Both protocols. */
export const WIRES: readonly Wire[] = [redis, memcached];

/** Sends `get(key)` and returns its reply. */
export async function ask(client: RawClient, wire: Wire, key: string): Promise<string> {
  client.send(wire.get(key));
  return readOne(client, wire);
}

/** The next reply. */
export async function readOne(client: RawClient, wire: Wire): Promise<string> {
  return (await client.readUntil(arrived => wire.replyEnd(arrived))).toString('latin1');
}
