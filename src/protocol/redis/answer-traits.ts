// What the control side writes to Redis servers, and how it reads what comes back: whole answers, of requests that are known.
import type { ServerCredentials } from '../traits.ts';

/** A reply as it is read; an Error is what the server said in place of one. */
export type Answer = string | number | null | Error | readonly Answer[];

/** With what answers end whose last request is a PING. */
export const PONG = '+PONG\r\n';
/** Or so, where a password is wanted and none was given. */
export const NO_AUTH = '-NOAUTH Authentication required.\r\n';
const MAX_DEPTH = 8;

/** The request that comes before all others; empty where there is nothing to say. Users are known from Redis 6 on. */
export function authOf(credentials: ServerCredentials | null): readonly (readonly string[])[] {
  return credentials === null ? [] : [authWords(credentials)];
}

export function authWords({ user, password }: ServerCredentials): readonly string[] {
  return user === null ? ['AUTH', password] : ['AUTH', user, password];
}

export function requestBytes(requests: readonly (readonly string[])[]): Buffer {
  return Buffer.concat(requests.map(encode));
}

function encode(words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
}

/** The value of a field in a list of names and values. */
export function field(pairs: Answer | undefined, name: string): Answer | undefined {
  const items = listOf(pairs);
  for (let i = 0; i + 1 < items.length; i += 2) if (items[i] === name) return items[i + 1];
  return undefined;
}

export function listOf(value: Answer | undefined): readonly Answer[] {
  return Array.isArray(value) ? (value as readonly Answer[]) : [];
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65_535;
}

/** Reads RESP2 values one after the other; `isBad` once something was none, or they ended too early. */
export class AnswerReader {
  isBad = false;
  private readonly buf: Buffer;
  private at = 0;

  constructor(buf: Buffer) {
    this.buf = buf;
  }

  /** Bytes read so far. */
  get length(): number {
    return this.at;
  }

  read(depth = 0): Answer {
    const { buf } = this;
    const lineEnd = buf.indexOf('\r\n', this.at);
    if (lineEnd < 0 || depth > MAX_DEPTH) return this.bad();
    const type = String.fromCharCode(buf[this.at]!);
    const text = buf.toString('utf8', this.at + 1, lineEnd);
    this.at = lineEnd + 2;
    if (type === '+') return text;
    if (type === '-') return new Error(text);
    if (!/^-?\d{1,15}$/.test(text)) return this.bad();
    const number = Number(text);
    if (type === ':') return number;
    if (type === '$') return this.readText(number);
    return type === '*' ? this.readList(number, depth) : this.bad();
  }

  private readText(length: number): Answer {
    if (length < 0) return null;
    const start = this.at;
    if (start + length + 2 > this.buf.length) return this.bad();
    this.at = start + length + 2;
    return this.buf.toString('utf8', start, start + length);
  }

  private readList(count: number, depth: number): Answer {
    if (count < 0) return null;
    // Each has three bytes at least.
    if (count > (this.buf.length - this.at) / 3) return this.bad();
    const items: Answer[] = [];
    for (let i = 0; i < count && !this.isBad; i++) items.push(this.read(depth + 1));
    return items;
  }

  private bad(): null {
    this.isBad = true;
    return null;
  }
}
