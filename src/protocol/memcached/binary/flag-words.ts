// What a binary request says beside its key and value, as the flags of the meta command that it becomes.
import { BINARY_HEADER_BYTES, extrasBytesOf, hasCas } from './binary-header.ts';
import { OP_ADD, OP_DECREMENT, OP_REPLACE } from './opcodes.ts';
import type { RequestText } from './request-text.ts';
import {
  CLIENT_FLAGS,
  COMPARE_CAS,
  CREATE_EXPTIME,
  DECREMENTS,
  EXPTIME,
  INITIAL,
  MODES,
  NUMBER,
  WITH_CAS,
} from './request-words.ts';

/** Longer times mean some day in a far future: text has 31 bits for them, and the others mean the past. */
const MAX_EXPTIME = 0x7fffffff;
/** INCREMENT and DECREMENT with this expiry time create nothing. */
const CREATE_NOTHING = 0xffffffff;

/** Of what stores an item. */
export function writeStore(text: RequestText, kind: number, buf: Buffer, start: number): void {
  const extrasAt = start + BINARY_HEADER_BYTES;
  text.word(WITH_CAS);
  if (extrasBytesOf(buf, start) > 0) {
    const flags = buf.readUInt32BE(extrasAt);
    if (flags !== 0) {
      text.word(CLIENT_FLAGS);
      text.number(flags);
    }
    if (buf.readUInt32BE(extrasAt + 4) !== 0) {
      text.word(EXPTIME);
      writeExptime(text, buf, extrasAt + 4);
    }
  }
  const isCompared = writeCas(text, buf, start);
  // With a cas, memcached takes SET, ADD and REPLACE for the same.
  const mode = isCompared && (kind === OP_ADD || kind === OP_REPLACE) ? undefined : MODES.get(kind);
  if (mode !== undefined) text.word(mode);
}

/** Of INCREMENT and DECREMENT. */
export function writeCount(text: RequestText, kind: number, buf: Buffer, start: number): void {
  const extrasAt = start + BINARY_HEADER_BYTES;
  text.word(NUMBER);
  text.number64(buf, extrasAt);
  if (kind === OP_DECREMENT) text.word(DECREMENTS);
  const exptimeAt = extrasAt + 16;
  if (buf.readUInt32BE(exptimeAt) !== CREATE_NOTHING) {
    text.word(INITIAL);
    text.number64(buf, extrasAt + 8);
    text.word(CREATE_EXPTIME);
    writeExptime(text, buf, exptimeAt);
  }
  writeCas(text, buf, start);
}

/** False: the request has none. */
export function writeCas(text: RequestText, buf: Buffer, start: number): boolean {
  if (!hasCas(buf, start)) return false;
  text.word(COMPARE_CAS);
  text.number64(buf, start + 16);
  return true;
}

/** The expiry time at `buf[at]`. */
export function writeExptime(text: RequestText, buf: Buffer, at: number): void {
  text.number(Math.min(buf.readUInt32BE(at), MAX_EXPTIME));
}
