// memcached's text protocol read a second time, slowly and by other means than src/protocol/memcached does: from
// memcached's doc/protocol.txt, with the limits of docs/memcached.md. Texts are latin1, a byte a character.

export type ReferenceRequest =
  | {
      readonly kind: 'request';
      readonly words: readonly string[];
      /** The data block with its CRLF; null when the line announces none. */
      readonly data: string | null;
      /** May be after the end of the text where data is too large to be kept. */
      readonly end: number;
    }
  /** Of the binary protocol; see `BinaryFate`. */
  | {
      readonly kind: 'binary';
      readonly fate: BinaryFate;
      readonly opcode: number;
      readonly key: string;
      readonly value: string;
      readonly end: number;
    }
  | { readonly kind: 'incomplete' }
  /** The connection closes. */
  | { readonly kind: 'error' };

/** Taken; answered with an error; answered with one as the last of the connection; nothing is answered, and it closes. */
export type BinaryFate = 'good' | 'refused' | 'last' | 'closed';

const INCOMPLETE: ReferenceRequest = { kind: 'incomplete' };
const ERROR: ReferenceRequest = { kind: 'error' };
const LONGEST_LINE = 2049;
const LONGEST_GET_LINE = 4 * 1024 * 1024;
const COMMANDS =
  /^(?:gets?|gats?|set|add|replace|append|prepend|cas|incr|decr|touch|delete|flush_all|verbosity|stats|version|quit|shutdown|m[gsdane])$/;
const STORAGE: ReadonlySet<string> = new Set(['set', 'add', 'replace', 'append', 'prepend', 'cas']);

/** Reads the request that begins at `from`. What the client speaks is told by the first byte of `text`. */
export function readRequest(text: string, from: number, maxRequestBytes: number): ReferenceRequest {
  if (from >= text.length) return INCOMPLETE;
  if (text[0] === '\x80') return readBinary(text, from, maxRequestBytes);
  const newline = text.indexOf('\n', from);
  const line = newline < 0 ? text.slice(from) : text.slice(from, newline + 1);
  const isGet = /^ {0,100}gets? /.test(line.slice(0, LONGEST_LINE));
  const limit = isGet ? Math.max(LONGEST_LINE, Math.min(maxRequestBytes, LONGEST_GET_LINE)) : LONGEST_LINE;
  if (line.length > maxRequestBytes) return ERROR;
  if (newline < 0) return line.length >= limit ? ERROR : INCOMPLETE;
  if (line.length > limit) return ERROR;
  const words = line
    .replace(/\r?\n$/, '')
    .split(' ')
    .filter(word => word !== '');
  if (!COMMANDS.test(words[0] ?? '') && words.at(-1)?.startsWith('HTTP/')) return ERROR;
  const end = from + line.length;
  const length = dataLength(words, line);
  if (length === null) return { kind: 'request', words, data: null, end };
  const dataEnd = end + length + 2;
  if (dataEnd > text.length && dataEnd - from <= maxRequestBytes) return INCOMPLETE;
  return { kind: 'request', words, data: text.slice(end, dataEnd), end: dataEnd };
}

/** By opcode: lengths that extras may have, whether there must be (1), may be (0), must not be (-1) a key, and a value. */
const SHAPES: readonly (readonly [
  opcodes: readonly number[],
  extras: readonly number[],
  key: number,
  hasValue: boolean,
])[] = [
  [[0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14], [0], 1, false],
  [[0x1c, 0x1d, 0x1e, 0x23, 0x24], [4], 1, false],
  [[0x01, 0x02, 0x03, 0x11, 0x12, 0x13], [8], 1, true],
  [[0x0e, 0x0f, 0x19, 0x1a, 0x21, 0x22], [0], 1, true],
  [[0x05, 0x06, 0x15, 0x16], [20], 1, false],
  [[0x08, 0x18], [0, 4], -1, false],
  [[0x1b], [4], -1, false],
  [[0x10], [0], 0, false],
  [[0x07, 0x0a, 0x0b, 0x17, 0x20], [0], -1, false],
];

function readBinary(text: string, from: number, maxRequestBytes: number): ReferenceRequest {
  const frame = (
    fate: BinaryFate,
    end: number,
    fields: { opcode: number; key?: string; value?: string },
  ): ReferenceRequest => ({
    kind: 'binary',
    key: '',
    value: '',
    ...fields,
    fate,
    end,
  });
  if (text[from] !== '\x80') return frame('closed', text.length, { opcode: 0 });
  const header = Buffer.from(text.slice(from, from + 24), 'latin1');
  if (header.length < 24) return INCOMPLETE;
  const bodyBytes = header.readUInt32BE(8);
  const keyBytes = header.readUInt16BE(2);
  const extrasBytes = header[4]!;
  const opcode = header[1]!;
  const end = from + 24 + bodyBytes;
  const shape = SHAPES.find(([opcodes]) => opcodes.includes(opcode));
  if (keyBytes + extrasBytes > bodyBytes) return frame('last', text.length, { opcode });
  if (shape === undefined) return frame('refused', end, { opcode });
  const [, extras, key, hasValue] = shape;
  const isKeyRight = key === 1 ? keyBytes > 0 : key === 0 || keyBytes === 0;
  const isRight = extras.includes(extrasBytes) && isKeyRight && keyBytes <= 250;
  if (!isRight || (!hasValue && bodyBytes > keyBytes + extrasBytes)) return frame('last', text.length, { opcode });
  if (24 + bodyBytes > maxRequestBytes) return frame('refused', end, { opcode });
  if (end > text.length) return INCOMPLETE;
  const keyStart = from + 24 + extrasBytes;
  const keyEnd = keyStart + keyBytes;
  return frame('good', end, { opcode, key: text.slice(keyStart, keyEnd), value: text.slice(keyEnd, end) });
}

/** Length of the data block that a storage command's line announces; null when it is none, or not a good one. */
function dataLength(words: readonly string[], line: string): number | null {
  const [name = '', key = '', flags = '', exptime = '', bytes = '', unique = ''] = words;
  if (name === 'ms') {
    const isGood = key.length <= 250 && /^\d+$/.test(flags) && Number(flags) <= 2 ** 31 - 3 && words.length <= 19;
    return isGood && !line.includes('\0') ? Number(flags) : null;
  }
  const least = name === 'cas' ? 6 : 5;
  if (!STORAGE.has(name) || words.length < least || words.length > least + 1) return null;
  if (key.length > 250 || line.includes('\0')) return null;
  if (!/^\d+$/.test(flags) || Number(flags) >= 2 ** 32) return null;
  if (!/^-?\d{1,18}$/.test(exptime) || !/^\d+$/.test(bytes) || Number(bytes) > 2 ** 31 - 3) return null;
  if (name === 'cas' && !(/^\d{1,20}$/.test(unique) && BigInt(unique) < 2n ** 64n)) return null;
  return Number(bytes);
}

export type ReplyKind = 'line' | 'stored' | 'values' | 'stats' | 'version' | 'meta' | 'meta stored';

export type ReferenceReply =
  | { readonly kind: 'reply'; readonly end: number; readonly isError: boolean }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' };

const CUT: ReferenceReply = { kind: 'incomplete' };
const MALFORMED: ReferenceReply = { kind: 'malformed' };
const LONGEST_REPLY_LINE = 4096;

const STORED_LINE = /^(?:STORED|NOT_STORED|EXISTS|NOT_FOUND)$/;
const WORD_LINE = /^(?:DELETED|TOUCHED|OK|RESET|VERSION .*|\d[\d ]*)$/s;
const REFUSED_LINE = /^(?:ERROR|CLIENT_ERROR bad command line format)/;
const META_LINE = /^(?:HD|EN|NF|NS|EX|ME)(?: .*)?$/s;
const LOST_LINE = 'SERVER_ERROR out of memory writing get response';

/** Reads the reply that begins at `from` to a request of this kind. */
export function readReply(text: string, from: number, kind: ReplyKind): ReferenceReply {
  let at = from;
  for (let count = 0; ; count++) {
    const newline = text.indexOf('\n', at);
    const length = (newline < 0 ? text.length : newline + 1) - at;
    if (length > LONGEST_REPLY_LINE || (newline < 0 && length === LONGEST_REPLY_LINE)) return MALFORMED;
    if (newline < 0) return CUT;
    const line = text.slice(at, newline - 1);
    if (text[newline - 1] !== '\r' || newline === at) return MALFORMED;
    at = newline + 1;
    if (line === LOST_LINE) return MALFORMED;
    if (/^(?:SERVER_ERROR|CLIENT_ERROR|ERROR)/.test(line)) {
      // A storage command that is well-formed is never refused.
      if (/stored/.test(kind) && REFUSED_LINE.test(line)) return MALFORMED;
      return { kind: 'reply', end: at, isError: true };
    }
    const done: ReferenceReply = { kind: 'reply', end: at, isError: false };
    if (kind === 'stored') return STORED_LINE.test(line) ? done : MALFORMED;
    if (kind === 'line') return STORED_LINE.test(line) || WORD_LINE.test(line) ? done : MALFORMED;
    if (kind === 'version') return WORD_LINE.test(line) ? done : MALFORMED;
    if (kind.startsWith('meta')) {
      if (META_LINE.test(line)) return done;
      const bytes = kind === 'meta' ? /^VA (\d{1,10})(?: .*)?$/s.exec(line)?.[1] : undefined;
      if (bytes === undefined) return MALFORMED;
      at += Number(bytes) + 2;
      const dataEnd = text.slice(at - 2, at);
      if (dataEnd !== '\r\n') return '\r\n'.startsWith(dataEnd) ? CUT : MALFORMED;
      return { kind: 'reply', end: at, isError: false };
    }
    if (line === 'END') return done;
    if (kind === 'stats') {
      if (/^(?:STAT|ITEM|PREFIX) /.test(line)) continue;
      return count === 0 && WORD_LINE.test(line) ? done : MALFORMED;
    }
    const value = /^VALUE [^ ]+ \d+ (\d{1,10})(?: .*)?$/s.exec(line);
    if (value === null) return MALFORMED;
    at += Number(value[1]);
    const end = text.slice(at, at + 2);
    if (end !== '\r\n') return '\r\n'.startsWith(end) ? CUT : MALFORMED;
    at += 2;
  }
}
