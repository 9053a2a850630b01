// What a line of a memcached reply is, told from its words.

export const LINE_UNKNOWN = 0;
/** ERROR, CLIENT_ERROR …, SERVER_ERROR …. */
export const LINE_ERROR = 1;
/** The answer to a storage command. */
export const LINE_STORED = 2;
/** Any other answer of one line: DELETED, OK, a number, …. */
export const LINE_WORD = 3;
export const LINE_VALUE = 4;
/** A line that more follow: STAT, ITEM, PREFIX. */
export const LINE_STAT = 5;
export const LINE_END = 6;
/** An error that a storage command's well-formed line never gets, unless the server takes the data for commands. */
export const LINE_REFUSED = 7;
/**
 * memcached 1.6 had no memory for the reply to a get and with it threw away replies to earlier requests that it had
 * not sent yet: which request this line belongs to cannot be known.
 */
export const LINE_LOST = 8;
/** The answer to a meta command, of one line: HD, EN, NS, NF, EX, ME, with or without flags. */
export const LINE_META = 9;
/** The same, and a value follows. */
export const LINE_META_VALUE = 10;

const LF = 10;
const CR = 13;
const SPACE = 32;

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const END = ascii('END');
const ERROR = ascii('ERROR');
const EXISTS = ascii('EXISTS');
const VALUE = ascii('VALUE ');
const VERSION = ascii('VERSION ');
const STORED = ascii('STORED');
const STAT = ascii('STAT ');
const SERVER_ERROR = ascii('SERVER_ERROR');
const LOST = ascii('SERVER_ERROR out of memory writing get response');
const NOT_STORED = ascii('NOT_STORED');
const NOT_FOUND = ascii('NOT_FOUND');
const DELETED = ascii('DELETED');
const TOUCHED = ascii('TOUCHED');
const OK = ascii('OK');
const RESET = ascii('RESET');
const CLIENT_ERROR = ascii('CLIENT_ERROR');
const BAD_FORMAT = ascii('CLIENT_ERROR bad command line format');
const ITEM = ascii('ITEM ');
const PREFIX = ascii('PREFIX ');

function begins(buf: Buffer, start: number, end: number, word: Buffer): boolean {
  const length = word.length;
  if (end - start < length) return false;
  let at = 0;
  while (at < length && buf[start + at] === word[at]) at++;
  return at === length;
}

function is(buf: Buffer, start: number, end: number, word: Buffer): boolean {
  return end - start === word.length && begins(buf, start, end, word);
}

/** What the line `buf[start, end)`, without its CRLF, is. */
export function replyLineKind(buf: Buffer, start: number, end: number): number {
  if (start === end) return LINE_UNKNOWN;
  const first = buf[start]!;
  if (end - start === 2 || buf[start + 2] === SPACE) {
    const meta = metaLineKind(first, buf[start + 1]!);
    if (meta !== LINE_UNKNOWN) return meta;
  }
  switch (first) {
    case 0x53: // S
      if (is(buf, start, end, STORED)) return LINE_STORED;
      if (begins(buf, start, end, STAT)) return LINE_STAT;
      if (is(buf, start, end, LOST)) return LINE_LOST;
      return begins(buf, start, end, SERVER_ERROR) ? LINE_ERROR : LINE_UNKNOWN;
    case 0x45: // E
      if (is(buf, start, end, END)) return LINE_END;
      if (is(buf, start, end, EXISTS)) return LINE_STORED;
      return begins(buf, start, end, ERROR) ? LINE_REFUSED : LINE_UNKNOWN;
    case 0x56: // V
      if (begins(buf, start, end, VALUE)) return LINE_VALUE;
      return begins(buf, start, end, VERSION) ? LINE_WORD : LINE_UNKNOWN;
    case 0x4e: // N
      return is(buf, start, end, NOT_FOUND) || is(buf, start, end, NOT_STORED) ? LINE_STORED : LINE_UNKNOWN;
    case 0x44: // D
      return is(buf, start, end, DELETED) ? LINE_WORD : LINE_UNKNOWN;
    case 0x54: // T
      return is(buf, start, end, TOUCHED) ? LINE_WORD : LINE_UNKNOWN;
    case 0x4f: // O
      return is(buf, start, end, OK) ? LINE_WORD : LINE_UNKNOWN;
    case 0x52: // R
      return is(buf, start, end, RESET) ? LINE_WORD : LINE_UNKNOWN;
    case 0x43: // C
      if (begins(buf, start, end, BAD_FORMAT)) return LINE_REFUSED;
      return begins(buf, start, end, CLIENT_ERROR) ? LINE_ERROR : LINE_UNKNOWN;
    case 0x49: // I
      return begins(buf, start, end, ITEM) ? LINE_STAT : LINE_UNKNOWN;
    case 0x50: // P
      return begins(buf, start, end, PREFIX) ? LINE_STAT : LINE_UNKNOWN;
    default:
      return isNumber(buf, start, end) ? LINE_WORD : LINE_UNKNOWN;
  }
}

/** What a line is that begins with a word of these two letters. */
function metaLineKind(first: number, second: number): number {
  switch ((first << 8) | second) {
    case 0x4844: // HD
    case 0x454e: // EN
    case 0x4e53: // NS
    case 0x4e46: // NF
    case 0x4558: // EX
    case 0x4d45: // ME
      return LINE_META;
    case 0x5641: // VA
      return LINE_META_VALUE;
    default:
      return LINE_UNKNOWN;
  }
}

/** An answer to incr or decr: digits; decr of old versions pads with spaces. */
function isNumber(buf: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buf[at]!;
    if (byte >= 0x30 && byte <= 0x39) continue;
    if (byte !== 0x20 || at === start) return false;
  }
  return true;
}

/** Number of data bytes after the line `VALUE <key> <flags> <bytes> [<cas>]`, or -1 when it is not of that form. */
export function valueDataBytes(buf: Buffer, start: number, end: number): number {
  let at = start + VALUE.length;
  const keyStart = at;
  while (at < end && buf[at] !== 0x20) at++;
  if (at === keyStart || at === end) return -1;
  at++;
  const flagsStart = at;
  while (at < end && isDigit(buf[at]!)) at++;
  if (at === flagsStart || at === end || buf[at] !== 0x20) return -1;
  at++;
  const bytesStart = at;
  let bytes = 0;
  while (at < end && isDigit(buf[at]!)) bytes = bytes * 10 + (buf[at++]! - 0x30);
  if (at === bytesStart || at - bytesStart > MAX_LENGTH_DIGITS) return -1;
  return at === end || buf[at] === 0x20 ? bytes : -1;
}

/** Number of data bytes after the line `VA <bytes> <flags>`, or -1 when it is not of that form. */
export function metaValueDataBytes(buf: Buffer, start: number, end: number): number {
  const bytesStart = start + 'VA '.length;
  let at = bytesStart;
  let bytes = 0;
  while (at < end && isDigit(buf[at]!)) bytes = bytes * 10 + (buf[at++]! - 0x30);
  if (at === bytesStart || at - bytesStart > MAX_LENGTH_DIGITS) return -1;
  return at === end || buf[at] === SPACE ? bytes : -1;
}

/**
 * The fast path: end of the VALUE block that begins at `start` and is wholly in `buf[start, end)`, its line ending
 * before `lineLimit`. -1 when it is something else, odd, broken or not whole.
 */
export function wholeValueBlockEnd(buf: Buffer, start: number, end: number, lineLimit: number): number {
  let at = start + VALUE.length;
  if (at >= end || !begins(buf, start, end, VALUE)) return -1;
  const stop = end < lineLimit ? end : lineLimit;
  while (at < stop && buf[at]! > 0x20) at++;
  if (at === stop || at === start + VALUE.length || buf[at] !== 0x20) return -1;
  return valueBlockEnd(buf, at, end);
}

/**
 * End of the VALUE block whose key ends at `keyEnd`: ` <flags> <bytes> [<cas>]\r\n`, the data, `\r\n`. -1 when it is not
 * of that form, or not all before `end`.
 */
export function valueBlockEnd(buf: Buffer, keyEnd: number, end: number): number {
  let at = keyEnd + 1;
  const flagsStart = at;
  while (at < end && isDigit(buf[at]!)) at++;
  if (at === flagsStart || buf[at] !== 0x20) return -1;
  at++;
  const bytesStart = at;
  let bytes = 0;
  while (at < end && isDigit(buf[at]!)) bytes = bytes * 10 + (buf[at++]! - 0x30);
  if (at === bytesStart || at - bytesStart > MAX_LENGTH_DIGITS) return -1;
  if (buf[at] === 0x20) while (at < end && buf[at] !== LF) at++;
  else at++;
  const next = at + 1 + bytes + 2;
  const isWhole = next <= end && buf[at - 1] === CR && buf[at] === LF && buf[next - 2] === CR && buf[next - 1] === LF;
  return isWhole ? next : -1;
}

/** A value is shorter than 10 GB. */
const MAX_LENGTH_DIGITS = 10;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
