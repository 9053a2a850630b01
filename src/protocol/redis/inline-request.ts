// Inline requests: a line of words instead of an array of bulk strings, as people type them into telnet.
// The quoting rules are those of sdssplitargs in Redis's sds.c:
//
//   words are separated by white space; inside a word, vertical tabs and form feeds belong to it
//   "…"   \n \r \t \b \a \xHH, and \ before anything else stands for that byte
//   '…'   \' stands for '
//   a closing quote must be followed by white space or the end of the line
import { EMPTY, encodeRequest } from './resp.ts';

/** Splits `buf[start, end)`, a line without its end, into words. Null: the quotes are unbalanced. */
export function splitInline(buf: Buffer, start: number, end: number): Buffer[] | null {
  const words: Buffer[] = [];
  // No word is longer than its line: unescaping only shortens.
  const scratch = Buffer.allocUnsafe(end - start);
  let at = start;
  for (;;) {
    while (at < end && isSpace(buf[at]!)) at++;
    if (at === end) return words;
    let length = 0;
    let quote = 0;
    for (; at < end; at++) {
      const byte = buf[at]!;
      if (quote === 0) {
        if (isSpace(byte) && byte !== VERTICAL_TAB && byte !== FORM_FEED) break;
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) quote = byte;
        else scratch[length++] = byte;
      } else if (byte === quote) {
        if (at + 1 < end && !isSpace(buf[at + 1]!)) return null;
        quote = 0;
        at++;
        break;
      } else if (byte === BACKSLASH && at + 1 < end) {
        if (quote === SINGLE_QUOTE) {
          if (buf[at + 1] === SINGLE_QUOTE) at++;
          scratch[length++] = buf[at]!;
        } else if (isHexEscape(buf, at, end)) {
          scratch[length++] = (hexDigit(buf[at + 2]!) << 4) | hexDigit(buf[at + 3]!);
          at += 3;
        } else {
          at++;
          scratch[length++] = ESCAPES.get(buf[at]!) ?? buf[at]!;
        }
      } else scratch[length++] = byte;
    }
    if (quote !== 0) return null;
    words.push(Buffer.from(scratch.subarray(0, length)));
  }
}

/** The same request as an array of bulk strings; empty when the line has no words, null when its quotes are unbalanced. */
export function rewriteInline(buf: Buffer, start: number, end: number): Buffer | null {
  const words = splitInline(buf, start, end);
  if (words === null) return null;
  return words.length === 0 ? EMPTY : encodeRequest(...words);
}

/** C's isspace, and NUL, which ends the line for Redis. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN) || byte === 0;
}

function isHexEscape(buf: Buffer, at: number, end: number): boolean {
  return at + 3 < end && buf[at + 1] === LETTER_X && hexDigit(buf[at + 2]!) >= 0 && hexDigit(buf[at + 3]!) >= 0;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

const TAB = 9;
const VERTICAL_TAB = 11;
const FORM_FEED = 12;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;
const LETTER_X = 120;
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [110, 10],
  [114, 13],
  [116, 9],
  [98, 8],
  [97, 7],
]);
