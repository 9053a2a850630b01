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
  return out.keyBuf === null
    ? writePlain(out, prefix, buf, start, next, maxLineBytes)
    : writeBase64(out, out.keyBuf, prefix, buf, start, next, maxLineBytes);
}

function writePlain(
  out: ParsedRequest,
  prefix: Buffer,
  buf: Buffer,
  start: number,
  next: number,
  maxLineBytes: number,
): number {
  const { line, keyCount, cutStart, cutEnd } = out;
  const { argStarts, argEnds } = line;
  for (let i = 0; i < keyCount; i++)
    if (argEnds[i]! - argStarts[i]! + prefix.length > MAX_KEY_BYTES) return KEY_TOO_LONG;
  const added = keyCount * prefix.length - (cutEnd - cutStart);
  if (buf.indexOf(LF, start) + 1 - start + added > maxLineBytes) return LINE_TOO_LONG;
  const size = next - start + added;
  const block = takeBlock(size);
  const { bytes } = block;
  let at = 0;
  let from = start;
  for (let i = 0; i < keyCount; i++) {
    const key = argStarts[i]!;
    const length = argEnds[i]! - key;
    at += buf.copy(bytes, at, from, key);
    argStarts[i] = at;
    at += prefix.copy(bytes, at);
    at += buf.copy(bytes, at, key, key + length);
    argEnds[i] = at;
    from = key + length;
  }
  writeRest(out, bytes, at, buf, from, next);
  line.exptimeEnd -= line.exptimeStart > 0 ? start : 0;
  line.exptimeStart -= line.exptimeStart > 0 ? start : 0;
  line.nameEnd -= start;
  out.rewrite(block, size);
  return PREFIXED;
}

/** Base64 of nothing: a key that we could not decode goes out as one that no server can, which says so in its own words. */
const UNDECODABLE = Buffer.from('A');

/** The decoded key has the prefix in front, and is written as base64 again; an empty one is none. */
function writeBase64(
  out: ParsedRequest,
  decoded: Buffer,
  prefix: Buffer,
  buf: Buffer,
  start: number,
  next: number,
  maxLineBytes: number,
): number {
  const { line, cutStart, cutEnd } = out;
  const [keyStart, keyEnd] = [line.argStarts[0]!, line.argEnds[0]!];
  const isKey = keyEnd > keyStart;
  const key = isKey ? Buffer.concat([prefix, decoded.subarray(keyStart, keyEnd)]) : UNDECODABLE;
  const length = isKey ? base64Length(key.length) : key.length;
  if (length > MAX_KEY_BYTES) return KEY_TOO_LONG;
  let from = line.nameEnd;
  while (buf[from] === SPACE) from++;
  let to = from;
  while (buf[to] !== SPACE && buf[to] !== LF && buf[to] !== CR) to++;
  const added = length - (to - from) - (cutEnd - cutStart);
  if (buf.indexOf(LF, start) + 1 - start + added > maxLineBytes) return LINE_TOO_LONG;
  const size = next - start + added;
  const block = takeBlock(size);
  const { bytes } = block;
  const head = buf.copy(bytes, 0, start, from);
  const at = isKey ? encodeBase64(key, 0, key.length, bytes, head) : head + key.copy(bytes, head);
  writeRest(out, bytes, at, buf, to, next);
  out.rewrite(block, size);
  out.setKey(key, 0, key.length);
  return PREFIXED;
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
