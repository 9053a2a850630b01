import { hash } from 'node:crypto';

/** Longer keys are told by their beginning, their length and a hash. */
const LABEL_BYTES = 128;
/** No key has this in its label: one character of Latin-1 stands for a byte. */
const CUT = '…';
const SHOWN_AS_IT_IS = /^[\x20-\x5b\x5d-\x7e]*$/;
const HIDDEN_DIGITS = 16;

/** A key as a string that no other key has, made quickly and not for people: see `labelText`. */
export function keyLabel(buf: Buffer, start: number, end: number): string {
  if (end - start <= LABEL_BYTES) return buf.toString('latin1', start, end);
  const beginning = buf.toString('latin1', start, start + LABEL_BYTES);
  return `${beginning}${CUT} (${end - start} bytes, ${hashHex(buf, start, end)})`;
}

/** A label for people: what is not printable ASCII as `\x..`, and a backslash doubled. */
export function labelText(label: string): string {
  const cut = label.indexOf(CUT);
  return cut < 0 ? printable(label) : printable(label.slice(0, cut)) + label.slice(cut);
}

/** A key, or its beginning, for people. */
export function keyText(buf: Buffer, start: number, end: number): string {
  return printable(buf.toString('latin1', start, end));
}

/** In place of a key that is not to be shown: the same for the same key, in all workers. */
export function hiddenKey(label: string): string {
  return `key#${hash('sha256', label).slice(0, HIDDEN_DIGITS)}`;
}

function printable(text: string): string {
  if (SHOWN_AS_IT_IS.test(text)) return text;
  return text.replace(/[^\x20-\x5b\x5d-\x7e]/g, byte =>
    byte === '\\' ? '\\\\' : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** 64 bits: two 32-bit FNV-1a hashes (RFC 9923) from different beginnings. */
function hashHex(buf: Buffer, start: number, end: number): string {
  let high = 0x811c9dc5;
  let low = 0x050c5d1f;
  for (let i = start; i < end; i++) {
    high = Math.imul(high ^ buf[i]!, 0x01000193);
    low = Math.imul(low ^ buf[i]! ^ (high >>> 24), 0x01000193);
  }
  return [high, low].map(half => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
