import { KIND_META_STORE, KIND_STORE } from './command-table.ts';
import { MAX_KEY_BYTES, type RequestLine } from './request-line.ts';

/** Not a storage command, or not its number of words: no data block follows. */
const NOT_STORAGE = -1;
/** Key or numbers are bad: memcached answers an error and reads the data block as commands. */
const BAD_HEADER = -2;

/** What fits memcached's signed 32-bit length with the data's CRLF. */
const MAX_DATA_BYTES = 0x7fffffff - 2;
const MAX_FLAGS = 0xffffffff;
const MAX_CAS_DIGITS = '18446744073709551615';
/** No 64-bit overflow with so few. */
const MAX_EXPTIME_DIGITS = 18;

const ARG_FLAGS = 1;
const ARG_EXPTIME = 2;
const ARG_BYTES = 3;
const ARG_CAS = 4;
/** `cas` has one argument more than the others. */
const CAS_MIN_ARGS = 5;

/** The meta flag for them. */
const CLIENT_FLAGS = 0x46;
/** As many as memcached 1.6.18 takes. */
export const MAX_META_STORE_FLAGS = 16;

const ZERO = 48;
const NINE = 57;
const MINUS = 45;

/**
 * Length of the data block (without its CRLF) that belongs to a storage command's line, or NOT_STORAGE or BAD_HEADER.
 * Accepts plain decimal numbers only, which every memcached reads the same way: a header that some server refuses
 * would make it take the data for commands, and its replies for those of other clients.
 */
export function storageDataBytes(line: RequestLine, buf: Buffer): number {
  const command = line.command;
  if (command === null) return NOT_STORAGE;
  if (command.kind === KIND_META_STORE) return metaDataBytes(line, buf);
  if (command.kind !== KIND_STORE) return NOT_STORAGE;
  const { argStarts, argEnds } = line;
  if (line.argCount < command.minArgs || line.argCount > command.maxArgs) return NOT_STORAGE;
  if (line.hasNul || argEnds[0]! - argStarts[0]! > MAX_KEY_BYTES) return BAD_HEADER;
  if (decimal(buf, argStarts[ARG_FLAGS]!, argEnds[ARG_FLAGS]!, MAX_FLAGS) < 0) return BAD_HEADER;
  if (!isExptime(buf, argStarts[ARG_EXPTIME]!, argEnds[ARG_EXPTIME]!)) return BAD_HEADER;
  if (command.minArgs === CAS_MIN_ARGS && !isCasUnique(buf, argStarts[ARG_CAS]!, argEnds[ARG_CAS]!)) return BAD_HEADER;
  const bytes = decimal(buf, argStarts[ARG_BYTES]!, argEnds[ARG_BYTES]!, MAX_DATA_BYTES);
  return bytes < 0 ? BAD_HEADER : bytes;
}

/**
 * As `storageDataBytes`, of `ms <key> <bytes> <flags>`. Of the flags memcached refuses too many before it reads the data, and
 * others after it.
 */
export function metaDataBytes(line: RequestLine, buf: Buffer): number {
  const { argStarts, argEnds, argCount } = line;
  if (argCount < 2 || argCount - 2 > MAX_META_STORE_FLAGS || line.hasNul) return BAD_HEADER;
  if (argEnds[0]! - argStarts[0]! > MAX_KEY_BYTES) return BAD_HEADER;
  const bytes = decimal(buf, argStarts[1]!, argEnds[1]!, MAX_DATA_BYTES);
  return bytes < 0 ? BAD_HEADER : bytes;
}

/** Client flags that are no number of 32 bits: memcached reads the data, and answers as to a header that it did not understand. */
export function hasBadClientFlags(line: RequestLine, buf: Buffer): boolean {
  for (let i = 2; i < line.argCount; i++) {
    const start = line.argStarts[i]!;
    if (buf[start] === CLIENT_FLAGS && decimal(buf, start + 1, line.argEnds[i]!, MAX_FLAGS) < 0) return true;
  }
  return false;
}

/** The number of decimal digits `buf[start, end)`, or -1 when it is none or above `max` (at most 2^32). */
function decimal(buf: Buffer, start: number, end: number, max: number): number {
  if (start === end) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const byte = buf[at]!;
    if (byte < ZERO || byte > NINE) return -1;
    value = value * 10 + (byte - ZERO);
    if (value > max) return -1;
  }
  return value;
}

/** A decimal number, perhaps negative, that fits 64 bits for certain: memcached keeps its low 32 bits. */
export function isExptime(buf: Buffer, start: number, end: number): boolean {
  const from = buf[start] === MINUS ? start + 1 : start;
  return end - from <= MAX_EXPTIME_DIGITS && areDigits(buf, from, end);
}

/** An unsigned 64-bit decimal number. */
function isCasUnique(buf: Buffer, start: number, end: number): boolean {
  if (!areDigits(buf, start, end)) return false;
  const length = end - start;
  if (length !== MAX_CAS_DIGITS.length) return length < MAX_CAS_DIGITS.length;
  for (let i = 0; i < length; i++) {
    const difference = buf[start + i]! - MAX_CAS_DIGITS.charCodeAt(i);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

function areDigits(buf: Buffer, start: number, end: number): boolean {
  if (start === end) return false;
  for (let at = start; at < end; at++) if (buf[at]! < ZERO || buf[at]! > NINE) return false;
  return true;
}
