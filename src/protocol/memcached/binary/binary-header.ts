// As much of memcached's binary protocol (protocol_binary.h) as it takes to refuse it: its clients wait for an answer to
// each request and understand nothing but their own protocol.
//
//   header   0 magic  1 opcode  2–3 key bytes  4 extras bytes  5 data type  6–7 status of a response
//            8–11 body bytes  12–15 opaque, which the response repeats  16–23 cas
import { NO_REPLY } from '../replies.ts';

/** First byte of a request. */
export const BINARY_MAGIC = 0x80;
export const BINARY_HEADER_BYTES = 24;

const RESPONSE_MAGIC = 0x81;
const OPCODE_AT = 1;
const STATUS_AT = 6;
const BODY_BYTES_AT = 8;
const OPAQUE_AT = 12;
const OPAQUE_BYTES = 4;

const OPCODE_QUIT = 0x07;
/** Wants no response. */
const OPCODE_QUITQ = 0x17;
const STATUS_OK = 0;
const STATUS_UNKNOWN_COMMAND = 0x81;

const REFUSAL = Buffer.from('the binary protocol is not supported: use the text protocol', 'latin1');

/** Length of the body that follows the header at `buf[start]`. */
export function binaryBodyBytes(buf: Buffer, start: number): number {
  return buf.readUInt32BE(start + BODY_BYTES_AT);
}

/** Whether the request whose header is at `buf[start]` ends the connection. */
export function isBinaryQuit(buf: Buffer, start: number): boolean {
  const opcode = buf[start + OPCODE_AT];
  return opcode === OPCODE_QUIT || opcode === OPCODE_QUITQ;
}

/** The response to the request whose header is at `buf[start]`: whatever it is but a quit, an unknown command. */
export function binaryReply(buf: Buffer, start: number): Buffer {
  const opcode = buf[start + OPCODE_AT]!;
  if (opcode === OPCODE_QUITQ) return NO_REPLY;
  const isQuit = opcode === OPCODE_QUIT;
  const bodyBytes = isQuit ? 0 : REFUSAL.length;
  const reply = Buffer.alloc(BINARY_HEADER_BYTES + bodyBytes);
  reply[0] = RESPONSE_MAGIC;
  reply[OPCODE_AT] = opcode;
  reply.writeUInt16BE(isQuit ? STATUS_OK : STATUS_UNKNOWN_COMMAND, STATUS_AT);
  reply.writeUInt32BE(bodyBytes, BODY_BYTES_AT);
  buf.copy(reply, OPAQUE_AT, start + OPAQUE_AT, start + OPAQUE_AT + OPAQUE_BYTES);
  if (!isQuit) REFUSAL.copy(reply, BINARY_HEADER_BYTES);
  return reply;
}
