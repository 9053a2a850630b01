// Reads a server's reply to COMMAND: rows as command-data.json has them, for commands that the table does not know. What a
// server says is not to be trusted in its length or its depth: what is too much or is no such reply gives nothing.

import { COLON, DOLLAR, LF, MINUS, PERCENT, PLUS, STAR, TILDE, UNDERSCORE } from '../resp.ts';
import type { CommandRow, KeySpecRow } from './command-data.ts';

/** A reply with more is not read: Redis 8 with all its modules has some 300 KB. */
export const MAX_COMMAND_REPLY_BYTES = 4 * 1024 * 1024;
/** COMMAND, a command, its subcommands, one of them, its key specifications, one, its parts, a part's values. */
const MAX_DEPTH = 12;
/** Fields of a command before Redis 7, which added tips, key specifications and subcommands. */
const FIELDS_MIN = 6;

/** Sets are arrays; maps too, of names and values: as RESP2 has them. */
type Value = string | number | null | readonly Value[];

/** The commands and subcommands of the reply, RESP2 or RESP3; null when it is no reply to COMMAND, or too long. */
export function rowsOfReply(reply: Buffer): CommandRow[] | null {
  if (reply.length > MAX_COMMAND_REPLY_BYTES) return null;
  const reader = new ValueReader(reply);
  const commands = reader.read(0);
  if (reader.isBad || !Array.isArray(commands)) return null;
  const rows: CommandRow[] = [];
  for (const command of commands) addRows(command, rows);
  return rows;
}

function addRows(command: Value, rows: CommandRow[]): void {
  if (!Array.isArray(command) || command.length < FIELDS_MIN) return;
  const [name, arity, flags, first, last, step, categories, tips, specs, subcommands] = command as readonly Value[];
  const numbers = [arity, first, last, step];
  if (typeof name !== 'string' || !numbers.every(Number.isSafeInteger)) return;
  // Nobody would come to the end of such keys.
  if ((first as number) < 0 || ((first as number) > 0 && (step as number) <= 0)) return;
  const keySpecs = listOf(specs).map(specOf);
  // What is older than key specifications says first, last and step only, and of some commands that there is more.
  const range: KeySpecRow[] = (first as number) > 0 ? [rangeOf(first as number, last as number, step as number)] : [];
  rows.push([
    name.toLowerCase(),
    arity as number,
    first as number,
    last as number,
    step as number,
    wordsOf(flags).join(' '),
    wordsOf(categories)
      .map(category => category.replace('@', ''))
      .join(' '),
    keySpecs.length > 0 ? keySpecs : range,
    wordsOf(tips).join(' '),
    'younger',
  ]);
  for (const subcommand of listOf(subcommands)) addRows(subcommand, rows);
}

function rangeOf(first: number, last: number, step: number): KeySpecRow {
  return ['RW access update', first, ['range', last < 0 ? last : last - first, Math.max(1, step), 0]];
}

/** A key specification; what of it is not understood is null, and so are its keys. */
function specOf(value: Value): KeySpecRow {
  const begin = specPart(field(value, 'begin_search'));
  const find = specPart(field(value, 'find_keys'));
  const number = (part: Value, name: string): number => Number(field(part, name) ?? Number.NaN);
  const flags = wordsOf(field(value, 'flags')).join(' ');
  const keyword = field(begin.spec, 'keyword');
  const started: KeySpecRow[1] =
    begin.type === 'index'
      ? number(begin.spec, 'index')
      : begin.type === 'keyword' && typeof keyword === 'string'
        ? [keyword, number(begin.spec, 'startfrom')]
        : null;
  const found: KeySpecRow[2] =
    find.type === 'range'
      ? ['range', number(find.spec, 'lastkey'), number(find.spec, 'keystep'), number(find.spec, 'limit')]
      : find.type === 'keynum'
        ? ['keynum', number(find.spec, 'keynumidx'), number(find.spec, 'firstkey'), number(find.spec, 'keystep')]
        : null;
  const places = [...(Array.isArray(started) ? [started[1]] : [started ?? 0]), ...(found ?? []).slice(1)];
  const isSound =
    places.every(Number.isSafeInteger) &&
    started !== null &&
    found !== null &&
    (typeof started !== 'number' || started > 0) &&
    (found[0] === 'range' || (found[1] >= 0 && found[2] >= 0)) &&
    (found[3] > 0 || found[0] === 'range') &&
    (found[0] !== 'range' || found[2] > 0);
  return isSound ? [flags, started, found] : [flags, null, null];
}

function specPart(value: Value): { readonly type: Value; readonly spec: Value } {
  return { type: field(value, 'type'), spec: field(value, 'spec') };
}

function field(pairs: Value, name: string): Value {
  const items = listOf(pairs);
  for (let i = 0; i + 1 < items.length; i += 2) if (items[i] === name) return items[i + 1]!;
  return null;
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

function wordsOf(value: Value | undefined): readonly string[] {
  return listOf(value).filter(word => typeof word === 'string');
}

/** Reads values one after the other; `isBad` once something was none, or they ended too early. */
class ValueReader {
  isBad = false;
  private readonly buf: Buffer;
  private at = 0;

  constructor(buf: Buffer) {
    this.buf = buf;
  }

  read(depth: number): Value {
    const { buf } = this;
    const lineEnd = buf.indexOf(LF, this.at);
    if (lineEnd < 0 || depth > MAX_DEPTH) return this.bad();
    const type = buf[this.at]!;
    const text = buf.toString('latin1', this.at + 1, lineEnd - 1);
    this.at = lineEnd + 1;
    if (type === PLUS) return text;
    if (type === UNDERSCORE) return null;
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(number) || type === MINUS) return this.bad();
    if (type === COLON) return number;
    if (type === DOLLAR) return this.readText(number);
    if (type === STAR || type === TILDE) return this.readList(number, depth);
    return type === PERCENT ? this.readList(number * 2, depth) : this.bad();
  }

  private readText(length: number): Value {
    if (length < 0) return null;
    const start = this.at;
    if (start + length + 2 > this.buf.length) return this.bad();
    this.at = start + length + 2;
    return this.buf.toString('latin1', start, start + length);
  }

  private readList(count: number, depth: number): Value {
    if (count < 0) return null;
    // Each has three bytes at least.
    if (count > (this.buf.length - this.at) / 3) return this.bad();
    const items: Value[] = [];
    for (let i = 0; i < count && !this.isBad; i++) items.push(this.read(depth + 1));
    return items;
  }

  private bad(): null {
    this.isBad = true;
    return null;
  }
}
