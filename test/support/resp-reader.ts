// A second, independent reading of RESP2 and RESP3 replies, for tests only: slow and plain on purpose, so that it does
// not share a mistake with src/protocol/redis. Source: the Redis serialization protocol specification.

/** A decoded reply; errors are told from strings by their class. */
export type RespValue = string | number | null | RespError | Buffer | RespValue[];

export class RespError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

interface Parsed {
  readonly value: RespValue;
  readonly end: number;
}

/** End (exclusive) of the reply that begins at `from`, or -1 when it is not complete. Throws on what is no reply. */
export function replyEnd(buf: Buffer, from = 0): number {
  return parse(buf, from)?.end ?? -1;
}

/**
 * The value of the one reply that `buf` is: simple strings become strings, bulk strings Buffers, integers numbers,
 * errors RespErrors, both kinds of null null. Throws when it is incomplete or something follows it.
 */
export function parseReply(buf: Buffer): RespValue {
  const parsed = parse(buf, 0);
  if (parsed === null) throw new Error(`incomplete reply: ${JSON.stringify(buf.toString('latin1').slice(0, 200))}`);
  if (parsed.end !== buf.length) throw new Error(`${buf.length - parsed.end} bytes too many after the reply`);
  return parsed.value;
}

/** Cuts a stream of complete replies into its replies. Throws when the last is incomplete. */
export function splitReplies(buf: Buffer): Buffer[] {
  const replies: Buffer[] = [];
  for (let from = 0; from < buf.length; ) {
    const end = replyEnd(buf, from);
    if (end < 0) throw new Error(`the stream ends inside reply ${replies.length + 1}`);
    replies.push(buf.subarray(from, end));
    from = end;
  }
  return replies;
}

/** A RESP array of bulk strings: what a client sends. */
export function encodeCommand(...args: (string | number | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

function parse(buf: Buffer, from: number): Parsed | null {
  const lineEnd = buf.indexOf('\r\n', from, 'latin1');
  if (lineEnd < 0) return null;
  const type = String.fromCharCode(buf[from]!);
  const rest = buf.toString('latin1', from + 1, lineEnd);
  const next = lineEnd + 2;
  switch (type) {
    case '+':
      return { value: rest, end: next };
    case '-':
      return { value: new RespError(rest), end: next };
    case ':':
      return { value: integer(rest), end: next };
    case '_':
      return { value: null, end: next };
    case ',':
    case '#':
    case '(':
      return { value: rest, end: next };
    case '$':
    case '=':
    case '!':
      return bulk(buf, next, integer(rest));
    case '*':
    case '~':
    case '>':
      return array(buf, next, integer(rest));
    case '%':
      return array(buf, next, integer(rest) * 2);
    default:
      throw new Error(`not a reply: ${JSON.stringify(buf.toString('latin1', from, from + 60))} at byte ${from}`);
  }
}

function integer(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`not an integer in a reply: ${JSON.stringify(text.slice(0, 60))}`);
  return Number(text);
}

function bulk(buf: Buffer, start: number, length: number): Parsed | null {
  if (length === -1) return { value: null, end: start };
  const end = start + length;
  if (buf.length < end + 2) return null;
  if (buf[end] !== 13 || buf[end + 1] !== 10) throw new Error(`no CRLF after a bulk string of ${length} bytes`);
  return { value: buf.subarray(start, end), end: end + 2 };
}

function array(buf: Buffer, start: number, count: number): Parsed | null {
  if (count === -1) return { value: null, end: start };
  const value: RespValue[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const item = parse(buf, at);
    if (item === null) return null;
    value.push(item.value);
    at = item.end;
  }
  return { value, end: at };
}
