// RESP2 and RESP3 as bytes: the constants that parsers compare with, and the encoders for what Ringmaster answers itself.
// Source: the Redis serialization protocol specification.

export const CR = 13;
export const LF = 10;
export const STAR = 42;
export const PLUS = 43;
export const MINUS = 45;
export const COLON = 58;
export const DOLLAR = 36;
export const ZERO = 48;
const NINE = ZERO + 9;
// RESP3's: blob error, big number, double, map, set, null, boolean, verbatim string, attribute, push.
export const BANG = 33;
export const PAREN = 40;
export const COMMA = 44;
export const PERCENT = 37;
export const TILDE = 126;
export const UNDERSCORE = 95;
export const HASH = 35;
export const EQUALS = 61;
export const BAR = 124;
export const GREATER = 62;

/** Redis's PROTO_INLINE_MAX_SIZE: longest inline request, and longest line that announces a length. */
export const MAX_LINE_BYTES = 64 * 1024;
/** Redis's default proto-max-bulk-len. */
export const MAX_BULK_BYTES = 512 * 1024 * 1024;
/** Most arguments of one request. Redis itself stops at 2^31-1, which no proxy wants to keep offsets of. */
export const MAX_ARGUMENTS = 1024 * 1024;
/** The largest request that Ringmaster answers itself: arguments, and bytes from the first to the last of them. */
export const MAX_LOCAL_ARGUMENTS = 1024;
export const MAX_LOCAL_BYTES = 64 * 1024;
/** The longest name of itself or its library that a client may leave with us: each connected client keeps one. */
export const MAX_CLIENT_NAME_BYTES = 1024;
/** What a client may announce before it is authenticated. */
export const MAX_ARGUMENTS_BEFORE_AUTH = 10;
export const MAX_BULK_BYTES_BEFORE_AUTH = 16 * 1024;

export const EMPTY = Buffer.alloc(0);
export const OK = simpleReply('OK');
export const EMPTY_ARRAY = Buffer.from('*0\r\n');
const NULL_BULK = Buffer.from('$-1\r\n');
const NULL = Buffer.from('_\r\n');

/** The version of the protocol that a client has chosen with HELLO. */
export type RespVersion = 2 | 3;

/** A value that `encodeReply` puts into bytes: bulk strings, integers, null, arrays, and what the classes below say. */
export type ReplyValue =
  | string
  | number
  | null
  | Buffer
  | SimpleText
  | VerbatimText
  | ReplyMap
  | ReplySet
  | readonly ReplyValue[];

/** A status inside an array, such as the flags in COMMAND's reply. */
export class SimpleText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Text for people to read, a verbatim string of plain text; in RESP2 a bulk string. */
export class VerbatimText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A key, its value, the next key, …; in RESP2 an array of them. */
export class ReplyMap {
  readonly entries: readonly ReplyValue[];
  constructor(entries: readonly ReplyValue[]) {
    this.entries = entries;
  }
}

/** In RESP2 an array. */
export class ReplySet {
  readonly members: readonly ReplyValue[];
  constructor(members: readonly ReplyValue[]) {
    this.members = members;
  }
}

/** An error of RESP2 or RESP3. */
export function isErrorReply(reply: Buffer): boolean {
  return reply[0] === MINUS || reply[0] === BANG;
}

/** The number behind the type at `at`, as in `*3`, `$-1` or `:42`: a length, a count, an integer that is no larger than a safe one. */
export function numberAfterType(reply: Buffer, at: number): number {
  const isNegative = reply[at + 1] === MINUS;
  let value = 0;
  for (let i = isNegative ? at + 2 : at + 1; reply[i]! >= ZERO && reply[i]! <= NINE; i++) {
    value = value * 10 + (reply[i]! - ZERO);
  }
  return isNegative ? -value : value;
}

/** `+text`. */
export function simpleReply(text: string): Buffer {
  return Buffer.from(`+${text}\r\n`, 'latin1');
}

/** `-text`; `text` begins with the error's code. Line ends in it become spaces, as in Redis. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1');
}

/** Any reply; strings are written as UTF-8 bulk strings. What both versions write alike needs no `version`. */
export function encodeReply(value: ReplyValue, version: RespVersion = 2): Buffer {
  const chunks: Buffer[] = [];
  pushValue(value, version, chunks);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function pushValue(value: ReplyValue, version: RespVersion, chunks: Buffer[]): void {
  const isResp3 = version === 3;
  if (value === null) chunks.push(isResp3 ? NULL : NULL_BULK);
  else if (typeof value === 'number') chunks.push(Buffer.from(`:${value}\r\n`, 'latin1'));
  else if (typeof value === 'string') chunks.push(Buffer.from(`$${Buffer.byteLength(value)}\r\n${value}\r\n`));
  else if (Buffer.isBuffer(value)) chunks.push(Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n'));
  else if (value instanceof SimpleText) chunks.push(simpleReply(value.text));
  else if (value instanceof VerbatimText) pushText(value.text, isResp3, chunks);
  else if (value instanceof ReplyMap) {
    const { entries } = value;
    pushItems(isResp3 ? `%${entries.length / 2}` : `*${entries.length}`, entries, version, chunks);
  } else if (value instanceof ReplySet) {
    const { members } = value;
    pushItems(`${isResp3 ? '~' : '*'}${members.length}`, members, version, chunks);
  } else {
    const items = value as readonly ReplyValue[];
    pushItems(`*${items.length}`, items, version, chunks);
  }
}

function pushText(text: string, isResp3: boolean, chunks: Buffer[]): void {
  const whole = isResp3 ? `txt:${text}` : text;
  chunks.push(Buffer.from(`${isResp3 ? '=' : '$'}${Buffer.byteLength(whole)}\r\n${whole}\r\n`));
}

function pushItems(header: string, items: readonly ReplyValue[], version: RespVersion, chunks: Buffer[]): void {
  chunks.push(Buffer.from(`${header}\r\n`, 'latin1'));
  for (const item of items) pushValue(item, version, chunks);
}

/** A request as clients send it: an array of bulk strings. */
export function encodeRequest(...args: readonly (string | Buffer)[]): Buffer {
  return encodeReply(args);
}

/** Length of the longest `*n\r\n`. */
export const ARRAY_HEADER_MAX_BYTES = 13;

/** Length of `*count\r\n`. */
export function arrayHeaderBytes(count: number): number {
  let digits = 1;
  for (let rest = count; rest >= 10; rest = (rest / 10) | 0) digits++;
  return digits + 3;
}

/** Writes `*count\r\n` to `out[at, …)`; returns its end. `count`: below 2^31. Much cheaper than by way of a string. */
export function writeArrayHeader(out: Buffer, at: number, count: number): number {
  const end = at + arrayHeaderBytes(count);
  out[at] = STAR;
  let rest = count;
  for (let i = end - 3; i > at; i--) {
    out[i] = ZERO + (rest % 10);
    rest = (rest / 10) | 0;
  }
  out[end - 2] = CR;
  out[end - 1] = LF;
  return end;
}
