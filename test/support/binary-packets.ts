// Requests of memcached's binary protocol, and responses made readable.
import type { RawClient } from './raw-client.ts';

export const OPCODES = {
  get: 0x00,
  set: 0x01,
  add: 0x02,
  replace: 0x03,
  delete: 0x04,
  increment: 0x05,
  decrement: 0x06,
  quit: 0x07,
  flush: 0x08,
  getq: 0x09,
  noop: 0x0a,
  version: 0x0b,
  getk: 0x0c,
  getkq: 0x0d,
  append: 0x0e,
  prepend: 0x0f,
  stat: 0x10,
  setq: 0x11,
  addq: 0x12,
  replaceq: 0x13,
  deleteq: 0x14,
  incrementq: 0x15,
  decrementq: 0x16,
  quitq: 0x17,
  flushq: 0x18,
  appendq: 0x19,
  prependq: 0x1a,
  verbosity: 0x1b,
  touch: 0x1c,
  gat: 0x1d,
  gatq: 0x1e,
  saslList: 0x20,
  saslAuth: 0x21,
  saslStep: 0x22,
  gatk: 0x23,
  gatkq: 0x24,
} as const;
export type OpcodeName = keyof typeof OPCODES;

export const HEADER_BYTES = 24;

export interface PacketFields {
  readonly key?: string;
  readonly extras?: Buffer;
  readonly value?: string | Buffer;
  readonly cas?: bigint;
  readonly opaque?: number;
  readonly magic?: number;
  /** Other than the length of what is there. */
  readonly bodyBytes?: number;
}

export function packet(opcode: OpcodeName | number, fields: PacketFields = {}): Buffer {
  const { key = '', extras = Buffer.alloc(0), value = '', cas = 0n, opaque = 0xdeadbeef, magic = 0x80 } = fields;
  const body = Buffer.concat([extras, Buffer.from(key, 'latin1'), Buffer.from(value as string, 'latin1')]);
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = magic;
  header[1] = typeof opcode === 'number' ? opcode : OPCODES[opcode];
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt32BE(fields.bodyBytes ?? body.length, 8);
  header.writeUInt32BE(opaque, 12);
  header.writeBigUInt64BE(cas, 16);
  return Buffer.concat([header, body]);
}

function numbers(...values: readonly (number | bigint)[]): Buffer {
  return Buffer.concat(
    values.map(value => {
      const bytes = Buffer.alloc(typeof value === 'bigint' ? 8 : 4);
      if (typeof value === 'bigint') bytes.writeBigUInt64BE(value);
      else bytes.writeUInt32BE(value);
      return bytes;
    }),
  );
}

export const storeExtras = (flags = 0, exptime = 0): Buffer => numbers(flags, exptime);
export const countExtras = (delta: bigint, initial = 0n, exptime = 0): Buffer => numbers(delta, initial, exptime);
export const exptimeExtras = (exptime: number): Buffer => numbers(exptime);

/** Length of the first response in `bytes`, or -1 when it is not all there. */
export function responseLength(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) return -1;
  const length = HEADER_BYTES + bytes.readUInt32BE(8);
  return bytes.length < length ? -1 : length;
}

/** Sends `requests`; the responses to them, and to a noop behind them. */
export async function converseInBinary(client: RawClient, requests: readonly Buffer[]): Promise<Buffer> {
  client.send(Buffer.concat([...requests, packet('noop', { opaque: 99 })]));
  return client.readUntil(bytes => {
    for (let at = 0; at < bytes.length; ) {
      const length = responseLength(bytes.subarray(at));
      if (length < 0) return -1;
      if (bytes.readUInt32BE(at + 12) === 99) return at + length;
      at += length;
    }
    return -1;
  });
}

/** Each response as a line of text; `withCas`: cas numbers too. What is no response is shown as it is. */
export function describeResponses(bytes: Buffer, withCas = true): string[] {
  const lines: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const rest = bytes.subarray(at);
    const length = rest[0] === 0x81 ? responseLength(rest) : -1;
    if (length < 0) {
      lines.push(`rest ${JSON.stringify(rest.toString('latin1'))}`);
      break;
    }
    const extrasEnd = HEADER_BYTES + rest[4]!;
    const keyEnd = extrasEnd + rest.readUInt16BE(2);
    const name = Object.entries(OPCODES).find(([, code]) => code === rest[1])?.[0] ?? String(rest[1]);
    const cas = withCas ? ` cas ${rest.readBigUInt64BE(16)}` : '';
    const odd = rest[5] === 0 ? '' : ` data type ${rest[5]}`;
    const text = (start: number, end: number): string => JSON.stringify(rest.toString('latin1', start, end));
    const body = `${text(HEADER_BYTES, extrasEnd)} ${text(extrasEnd, keyEnd)} ${text(keyEnd, length)}`;
    lines.push(`${name} status ${rest.readUInt16BE(6)} opaque ${rest.readUInt32BE(12)}${cas}${odd} ${body}`);
    at += length;
  }
  return lines;
}
