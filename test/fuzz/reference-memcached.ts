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
  /** Of the binary protocol: the response to it. `closes`: the connection, after it. */
  | { readonly kind: 'binary'; readonly reply: string; readonly closes: boolean; readonly end: number }
  | { readonly kind: 'incomplete' }
  /** The connection closes. */
  | { readonly kind: 'error' };

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

function readBinary(text: string, from: number, maxRequestBytes: number): ReferenceRequest {
  if (text[from] !== '\x80') return { kind: 'binary', reply: '', closes: true, end: text.length };
  const header = Buffer.from(text.slice(from, from + 24), 'latin1');
  if (header.length < 24) return INCOMPLETE;
  const length = 24 + header.readUInt32BE(8);
  const opcode = text[from + 1];
  const opaque = text.slice(from + 12, from + 16);
  const isQuit = opcode === '\x07' || opcode === '\x17';
  const status = isQuit ? '\0' : '\x81';
  const body = isQuit ? '' : 'the binary protocol is not supported: use the text protocol';
  const response = `\x81${opcode}${'\0'.repeat(5)}${status}\0\0\0${String.fromCharCode(body.length)}${opaque}`;
  const reply = opcode === '\x17' ? '' : `${response}${'\0'.repeat(8)}${body}`;
  return { kind: 'binary', reply, closes: isQuit || length > maxRequestBytes, end: from + length };
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
