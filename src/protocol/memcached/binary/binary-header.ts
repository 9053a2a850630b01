// The packets of memcached's binary protocol (protocol_binary.h, doc/protocol-binary.xml), which are alike both ways:
//
//   header   0 magic  1 opcode  2–3 key bytes  4 extras bytes  5 data type  6–7 status of a response
//            8–11 body bytes  12–15 opaque, which the response repeats  16–23 cas
//   body     extras, key, value
import { FAILURE_TEXT, type FailureReason } from '../../../request/failure.ts';

/** First byte of a request. */
export const BINARY_MAGIC = 0x80;
export const BINARY_HEADER_BYTES = 24;
export const RESPONSE_MAGIC = 0x81;

export const STATUS_OK = 0;
export const STATUS_NOT_FOUND = 0x01;
export const STATUS_EXISTS = 0x02;
export const STATUS_TOO_LARGE = 0x03;
export const STATUS_INVALID = 0x04;
export const STATUS_NOT_STORED = 0x05;
export const STATUS_NOT_A_NUMBER = 0x06;
export const STATUS_AUTH_ERROR = 0x20;
export const STATUS_UNKNOWN_COMMAND = 0x81;
export const STATUS_OUT_OF_MEMORY = 0x82;
export const STATUS_NOT_SUPPORTED = 0x83;
export const STATUS_INTERNAL_ERROR = 0x84;
export const STATUS_BUSY = 0x85;
export const STATUS_TEMPORARY_FAILURE = 0x86;

/** memcached 1.6.18's words. */
const TEXTS: ReadonlyMap<number, string> = new Map([
  [STATUS_NOT_FOUND, 'Not found'],
  [STATUS_EXISTS, 'Data exists for key.'],
  [STATUS_TOO_LARGE, 'Too large.'],
  [STATUS_INVALID, 'Invalid arguments'],
  [STATUS_NOT_STORED, 'Not stored.'],
  [STATUS_NOT_A_NUMBER, 'Non-numeric server-side value for incr or decr'],
  [STATUS_AUTH_ERROR, 'Auth failure.'],
  [STATUS_UNKNOWN_COMMAND, 'Unknown command'],
  [STATUS_OUT_OF_MEMORY, 'Out of memory'],
]);

/** Fields of the request header at `buf[start]`. */
export const opcodeOf = (buf: Buffer, start: number): number => buf[start + 1]!;
export const keyBytesOf = (buf: Buffer, start: number): number => buf.readUInt16BE(start + 2);
export const extrasBytesOf = (buf: Buffer, start: number): number => buf[start + 4]!;
export const bodyBytesOf = (buf: Buffer, start: number): number => buf.readUInt32BE(start + 8);
export const opaqueOf = (buf: Buffer, start: number): number => buf.readUInt32BE(start + 12);
const CAS_AT = 16;

/** Whether the request whose header is at `buf[start]` is to succeed only on the item with its cas. */
export function hasCas(buf: Buffer, start: number): boolean {
  return buf.readUInt32BE(start + CAS_AT) !== 0 || buf.readUInt32BE(start + CAS_AT + 4) !== 0;
}

/** Writes the header of a response without cas to `out` at `at`. */
export function writeResponseHeader(
  out: Buffer,
  at: number,
  opcode: number,
  status: number,
  keyBytes: number,
  extrasBytes: number,
  bodyBytes: number,
  opaque: number,
): void {
  out[at] = RESPONSE_MAGIC;
  out[at + 1] = opcode;
  out[at + 2] = keyBytes >> 8;
  out[at + 3] = keyBytes & 0xff;
  out[at + 4] = extrasBytes;
  out[at + 5] = 0;
  out[at + 6] = 0;
  out[at + 7] = status;
  out.writeUInt32BE(bodyBytes, at + 8);
  out.writeUInt32BE(opaque, at + 12);
  out.fill(0, at + CAS_AT, at + BINARY_HEADER_BYTES);
}

/** Sets the cas of the response at `out[at]` to the decimal number `buf[start, end)`. */
export function writeCas(out: Buffer, at: number, buf: Buffer, start: number, end: number): void {
  if (end - start > SAFE_DIGITS) {
    out.writeBigUInt64BE(BigInt.asUintN(64, BigInt(buf.toString('latin1', start, end))), at + CAS_AT);
    return;
  }
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + buf[i]! - 0x30;
  out.writeUInt32BE(Math.floor(value / 2 ** 32), at + CAS_AT);
  out.writeUInt32BE(value >>> 0, at + CAS_AT + 4);
}

/** Numbers of so many digits are exact. */
const SAFE_DIGITS = 15;

/** A response of its own, with `value` alone. */
export function response(opcode: number, opaque: number, status: number, value: Buffer | string = ''): Buffer {
  const body = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const out = Buffer.allocUnsafe(BINARY_HEADER_BYTES + body.length);
  writeResponseHeader(out, 0, opcode, status, 0, 0, body.length, opaque);
  body.copy(out, BINARY_HEADER_BYTES);
  return out;
}

/** The words that memcached has for a status. */
export function statusText(status: number): string {
  return TEXTS.get(status) ?? '';
}

export function errorResponse(opcode: number, opaque: number, status: number): Buffer {
  return response(opcode, opaque, status, statusText(status));
}

/** What clients understand by it: ask again, this can't be had, or something is wrong with the servers. */
export function failureStatus(reason: FailureReason): number {
  switch (reason) {
    case 'server_version':
      return STATUS_NOT_SUPPORTED;
    case 'server_auth':
    case 'server_garbage':
      return STATUS_INTERNAL_ERROR;
    default:
      return STATUS_TEMPORARY_FAILURE;
  }
}

export function failureResponse(opcode: number, opaque: number, reason: FailureReason): Buffer {
  return response(opcode, opaque, failureStatus(reason), FAILURE_TEXT[reason]);
}

/** The status for the error `buf[start, end)`, a line of text without its CRLF. */
export function errorLineStatus(buf: Buffer, start: number, end: number): number {
  const line = buf.toString('latin1', start, end);
  if (line.startsWith('SERVER_ERROR object too large')) return STATUS_TOO_LARGE;
  if (line.startsWith('SERVER_ERROR out of memory')) return STATUS_OUT_OF_MEMORY;
  if (line.startsWith('CLIENT_ERROR cannot increment')) return STATUS_NOT_A_NUMBER;
  if (line.startsWith('CLIENT_ERROR')) return STATUS_INVALID;
  return line.startsWith('ERROR') ? STATUS_UNKNOWN_COMMAND : STATUS_TEMPORARY_FAILURE;
}

/** Of an error of a server or of ours: memcached's words where it has some for its status, else those of the line. */
export function errorLineText(buf: Buffer, start: number, end: number, status: number): string {
  return TEXTS.get(status) ?? buf.toString('latin1', start, end).replace(/^SERVER_ERROR /, '');
}
