import { takeBlock } from '../../../memory/block.ts';
import { base64Length, encodeBase64 } from '../base64.ts';
import type { ParsedRequest } from '../parsed-request.ts';
import { MAX_KEY_BYTES } from '../request-line.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;

/** It is written. */
export const PREFIXED = 0;
/** A key is too long with the prefix. */
export const KEY_TOO_LONG = 1;
/** The line is. */
export const LINE_TOO_LONG = 2;

/** Base64 of nothing: a key that we could not decode goes out as one that no server can, which says so in its own words. */
const UNDECODABLE = Buffer.from('A');

/**
 * Writes the request in `out`, which is `buf[start, next)`, with the prefix before each of its keys; what was to be cut out is left out.
 * Keys lie in the line, or one of base64, decoded, in `out.keyBuf`. Its line may have `maxLineBytes`. Returns one of the constants above;
 * only PREFIXED has changed anything.
 */
export function writePrefixed(
  out: ParsedRequest,
  prefix: Buffer,
  buf: Buffer,
  start: number,
  next: number,
  maxLineBytes: number,
): number {
  const { line, keyBuf, cutStart, cutEnd } = out;
  const { argStarts, argEnds } = line;
  // A key of base64 is replaced as a whole, into others the prefix is put.
  const key = keyBuf === null ? null : prefixedKey(prefix, keyBuf, argStarts[0]!, argEnds[0]!);
  const inserted = key === null ? prefix : encoded(key);
  const keyCount = key === null ? out.keyCount : 1;
  const wordStart = key === null ? 0 : wordAfter(buf, line.nameEnd);
  const wordEnd = key === null ? 0 : endOfWord(buf, wordStart);
  for (let i = 0; i < keyCount; i++) {
    const own = key === null ? argEnds[i]! - argStarts[i]! : 0;
    if (own + inserted.length > MAX_KEY_BYTES) return KEY_TOO_LONG;
  }
  const added = keyCount * (inserted.length - (wordEnd - wordStart)) - (cutEnd - cutStart);
  if (buf.indexOf(LF, start) + 1 - start + added > maxLineBytes) return LINE_TOO_LONG;
  const size = next - start + added;
  const block = takeBlock(size);
  const { bytes } = block;
  let at = 0;
  let from = start;
  for (let i = 0; i < keyCount; i++) {
    const place = key === null ? argStarts[i]! : wordStart;
    at += buf.copy(bytes, at, from, place);
    from = key === null ? place : wordEnd;
    if (key === null) {
      argEnds[i]! += at - place + prefix.length;
      argStarts[i] = at;
    }
    at += inserted.copy(bytes, at);
  }
  writeRest(out, bytes, at, buf, from, next);
  line.exptimeEnd -= line.exptimeStart > 0 ? start : 0;
  line.exptimeStart -= line.exptimeStart > 0 ? start : 0;
  line.nameEnd -= start;
  out.rewrite(block, size);
  if (key !== null) out.setKey(key, 0, key.length);
  return PREFIXED;
}

/** The key that was decoded, with the prefix in front; an empty one is none. */
function prefixedKey(prefix: Buffer, decoded: Buffer, start: number, end: number): Buffer {
  return end > start ? Buffer.concat([prefix, decoded.subarray(start, end)]) : UNDECODABLE;
}

function encoded(key: Buffer): Buffer {
  if (key === UNDECODABLE) return key;
  const out = Buffer.allocUnsafe(base64Length(key.length));
  encodeBase64(key, 0, key.length, out, 0);
  return out;
}

function wordAfter(buf: Buffer, nameEnd: number): number {
  let at = nameEnd;
  while (buf[at] === SPACE) at++;
  return at;
}

function endOfWord(buf: Buffer, start: number): number {
  let at = start;
  while (buf[at] !== SPACE && buf[at] !== LF && buf[at] !== CR) at++;
  return at;
}

/** What follows the last key, without what is cut out. */
function writeRest(out: ParsedRequest, bytes: Buffer, at: number, buf: Buffer, from: number, next: number): void {
  const { cutStart, cutEnd } = out;
  if (cutEnd > cutStart) {
    const rest = at + buf.copy(bytes, at, from, cutStart);
    buf.copy(bytes, rest, cutEnd, next);
    out.cutStart = out.cutEnd = 0;
  } else buf.copy(bytes, at, from, next);
}
