// RESP2 read a second time, slowly and by other means than src/protocol/redis does, from Redis's networking.c and sds.c.
// Texts are latin1, a byte a character.

export interface RequestLimits {
  readonly maxRequestBytes: number;
  /** The client has yet to give the password. */
  readonly isLocked: boolean;
}

export type ReferenceRequest =
  /** A request; without arguments it is one that nobody answers, such as an empty line. */
  | { readonly kind: 'request'; readonly args: readonly string[]; readonly end: number }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'error' };

const INCOMPLETE: ReferenceRequest = { kind: 'incomplete' };
const ERROR: ReferenceRequest = { kind: 'error' };
const LONGEST_LINE = 65_536;

/** Reads the request that begins at `from`. */
export function readRequest(text: string, from: number, limits: RequestLimits): ReferenceRequest {
  if (from >= text.length) return INCOMPLETE;
  return text[from] === '*' ? readArray(text, from, limits) : readInline(text, from, limits);
}

function readArray(text: string, from: number, { maxRequestBytes, isLocked }: RequestLimits): ReferenceRequest {
  const head = readHeader(text, from, 1_048_576);
  if (typeof head === 'string') return head === 'incomplete' ? INCOMPLETE : ERROR;
  const count = head.value;
  if (isLocked && count > 10) return ERROR;
  if (count <= 0) return { kind: 'request', args: [], end: head.end };
  const args: string[] = [];
  let at = head.end;
  for (let i = 0; i < count; i++) {
    const length = readHeader(text, at, 536_870_912);
    if (length === 'incomplete') return INCOMPLETE;
    if (length === 'error' || text[at] !== '$' || length.value < 0) return ERROR;
    if (isLocked && length.value > 16_384) return ERROR;
    const end = length.end + length.value;
    if (end + 2 - from > maxRequestBytes) return ERROR;
    if (end + 2 > text.length) return INCOMPLETE;
    args.push(text.slice(length.end, end));
    at = end + 2;
  }
  return { kind: 'request', args, end: at };
}

/** A type byte, a number as string2ll reads it, and the two bytes after it of which the first is a CR. */
function readHeader(text: string, from: number, max: number): { value: number; end: number } | 'incomplete' | 'error' {
  const cr = text.indexOf('\r', from);
  if (cr < 0) return text.length - from > LONGEST_LINE ? 'error' : 'incomplete';
  if (cr - from > LONGEST_LINE) return 'error';
  if (cr + 1 >= text.length) return 'incomplete';
  const digits = text.slice(from + 1, cr);
  if (!/^(?:0|-?[1-9]\d{0,17})$/.test(digits) || Number(digits) > max) return 'error';
  return { value: Number(digits), end: cr + 2 };
}

function readInline(text: string, from: number, limits: RequestLimits): ReferenceRequest {
  const lf = text.indexOf('\n', from);
  if ((lf < 0 ? text.length : lf) - from > LONGEST_LINE) return ERROR;
  if ((lf < 0 ? text.length : lf + 1) - from > limits.maxRequestBytes) return ERROR;
  if (lf < 0) return INCOMPLETE;
  const args = splitWords(text.slice(from, lf).replace(/\r$/, ''));
  return args === null ? ERROR : { kind: 'request', args, end: lf + 1 };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** sdssplitargs: null where quotes are unbalanced. */
export function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let rest = line;
  for (;;) {
    rest = rest.replace(/^[\t-\r \0]+/, '');
    if (rest === '') return words;
    let word = /^[^\t\n\r \0"']*/.exec(rest)![0];
    rest = rest.slice(word.length);
    if (rest[0] === '"') {
      const found = /^"((?:\\.|[^"\\])*)"(?![^\t-\r \0])/s.exec(rest);
      if (found === null) return null;
      word += found[1]!.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, hex: string | undefined, char: string) =>
        hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
      );
      rest = rest.slice(found[0].length);
    } else if (rest[0] === "'") {
      const found = /^'((?:\\'|\\(?!')|[^'\\])*)'(?![^\t-\r \0])/.exec(rest);
      if (found === null) return null;
      word += found[1]!.replaceAll("\\'", "'");
      rest = rest.slice(found[0].length);
    }
    words.push(word);
  }
}

export type ReferenceReply =
  | { readonly kind: 'reply'; readonly end: number; readonly isError: boolean }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' };

const CUT: ReferenceReply = { kind: 'incomplete' };
const MALFORMED: ReferenceReply = { kind: 'malformed' };
const LONGEST_LENGTH = 2_147_483_647;

/** Reads the reply that begins at `from`, in RESP2 or RESP3, with the limits of the scanner. */
export function readReply(text: string, from: number): ReferenceReply {
  const type = text[from];
  switch (type) {
    case undefined:
      return CUT;
    case '+':
    case '-':
    case ',':
    case '(': {
      const cr = text.indexOf('\r', from);
      return cr < 0 ? CUT : ended(text, cr, type === '-');
    }
    case '_':
      return ended(text, from + 1, false);
    case '#':
      if (from + 1 === text.length) return CUT;
      return 'tf'.includes(text[from + 1]!) ? ended(text, from + 2, false) : MALFORMED;
    case ':':
    case '$':
    case '!':
    case '=':
    case '*':
    case '~':
    case '%':
    case '|':
      return readCounted(text, from, type);
    default:
      return MALFORMED;
  }
}

/** What begins with a type and a number. */
function readCounted(text: string, from: number, type: string): ReferenceReply {
  const line = text.slice(from + 1, from + 24);
  const number = /^(-?\d{1,19})\r\n/.exec(line);
  if (number === null) {
    const isBegun = /^(?:-?\d{0,19}|-?\d{1,19}\r)$/.test(line) && from + 1 + line.length === text.length;
    return isBegun ? CUT : MALFORMED;
  }
  const start = from + 1 + number[0].length;
  if (type === ':') return { kind: 'reply', end: start, isError: false };
  const value = Number(number[1]);
  if (number[1]!.startsWith('-')) {
    return value === -1 && '$*'.includes(type) ? { kind: 'reply', end: start, isError: false } : MALFORMED;
  }
  if (value > LONGEST_LENGTH) return MALFORMED;
  if ('$!='.includes(type)) return ended(text, start + value, type === '!');
  let at = start;
  for (let left = type === '%' || type === '|' ? value * 2 : value; left > 0; left--) {
    const item = readReply(text, at);
    if (item.kind !== 'reply') return item;
    at = item.end;
  }
  // What the attributes describe.
  return type === '|' ? readReply(text, at) : { kind: 'reply', end: at, isError: false };
}

/** A line end must be at `at`. */
function ended(text: string, at: number, isError: boolean): ReferenceReply {
  const end = text.slice(at, at + 2);
  if (end === '\r\n') return { kind: 'reply', end: at + 2, isError };
  return '\r\n'.startsWith(end) ? CUT : MALFORMED;
}
