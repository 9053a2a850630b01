import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/*
 * What a balancer says of a client before the client's first byte: the PROXY protocol, versions 1 (a line) and 2 (binary).
 * Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 *
 *   1   PROXY TCP4 192.0.2.7 10.0.0.1 4711 6379\r\n                     at most 107 bytes; UNKNOWN: of no client
 *   2   12 bytes of signature │ version, command │ family │ length │ addresses │ more that is not needed
 */

/** A header is whole, or refused, by then. Version 2 allows 64 KiB; what balancers put in besides addresses is far less. */
export const PROXY_HEADER_MAX_BYTES = 4096;
/** Of version 1. */
const LINE_MAX_BYTES = 107;
const LINE_START = Buffer.from('PROXY ');
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const FIXED_BYTES = 16;
const VERSION_2 = 2;
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const OVER_TCP4 = 0x11;
const OVER_TCP6 = 0x21;
const TCP4_BYTES = 12;
const TCP6_BYTES = 36;

export interface ProxyHeader {
  /** Its length. */
  readonly bytes: number;
  /** The client, and what it connected to: `10.1.2.3:4711`, `[::1]:4711`. Null: the connection is the balancer's own, or it does not say. */
  readonly peer: string | null;
  readonly local: string | null;
}

/** The header that `buf[0, length)` begins with; null: more of it is to come. Throws an Error that says why it is none. */
export function readProxyHeader(buf: Buffer, length: number): ProxyHeader | null {
  const isOfTwo = beginsAs(buf, length, SIGNATURE);
  const isOfOne = beginsAs(buf, length, LINE_START);
  if (!isOfOne && !isOfTwo) throw new Error('it does not begin with a header of the PROXY protocol');
  if (length < LINE_START.length) return null;
  return isOfTwo ? readBinary(buf, length) : readLine(buf, length);
}

/** As far as it has come. */
function beginsAs(buf: Buffer, length: number, start: Buffer): boolean {
  const size = Math.min(length, start.length);
  return buf.compare(start, 0, size, 0, size) === 0;
}

function readLine(buf: Buffer, length: number): ProxyHeader | null {
  const text = buf.toString('latin1', 0, Math.min(length, LINE_MAX_BYTES));
  const end = text.indexOf('\r\n');
  if (end < 0) {
    if (length >= LINE_MAX_BYTES) throw new Error('the line of its PROXY header does not end');
    return null;
  }
  const bytes = end + 2;
  const [, family, source = '', target = '', sourcePort, targetPort] = text.slice(0, end).split(' ');
  if (family === 'UNKNOWN') return { bytes, peer: null, local: null };
  const isSix = family === 'TCP6';
  if (!isSix && family !== 'TCP4') throw new Error('its PROXY header is neither TCP4 nor TCP6 nor UNKNOWN');
  const isAddress = isSix ? isPlainIPv6 : isIPv4;
  if (!isAddress(source) || !isAddress(target)) throw new Error('its PROXY header has no addresses');
  return { bytes, peer: endText(source, portOf(sourcePort)), local: endText(target, portOf(targetPort)) };
}

/** Without a zone, which means nothing elsewhere. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function portOf(text = ''): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535) throw new Error('its PROXY header has no ports');
  return port;
}

function readBinary(buf: Buffer, length: number): ProxyHeader | null {
  if (length < FIXED_BYTES) return null;
  const versionAndCommand = buf.readUInt8(12);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== VERSION_2) throw new Error('its PROXY header is of an unknown version');
  if (command > COMMAND_PROXY) throw new Error('its PROXY header has an unknown command');
  const restBytes = buf.readUInt16BE(14);
  const bytes = FIXED_BYTES + restBytes;
  if (bytes > PROXY_HEADER_MAX_BYTES) throw new Error(`its PROXY header is over ${PROXY_HEADER_MAX_BYTES} bytes`);
  if (length < bytes) return null;
  const family = buf.readUInt8(13);
  if (command === COMMAND_LOCAL || (family !== OVER_TCP4 && family !== OVER_TCP6))
    return { bytes, peer: null, local: null };
  const isSix = family === OVER_TCP6;
  if (restBytes < (isSix ? TCP6_BYTES : TCP4_BYTES)) throw new Error('its PROXY header is too short for its addresses');
  const size = isSix ? 16 : 4;
  const addressAt = (at: number) => (isSix ? sixText(buf, at) : buf.subarray(at, at + 4).join('.'));
  const ports = FIXED_BYTES + 2 * size;
  return {
    bytes,
    peer: endText(addressAt(FIXED_BYTES), buf.readUInt16BE(ports)),
    local: endText(addressAt(FIXED_BYTES + size), buf.readUInt16BE(ports + 2)),
  };
}

function sixText(buf: Buffer, at: number): string {
  return Array.from({ length: 8 }, (_, i) => buf.readUInt16BE(at + 2 * i).toString(16)).join(':');
}

/** As the system writes addresses. */
function endText(address: string, port: number): string {
  if (!address.includes(':')) return `${address}:${port}`;
  const { address: shortest } = new SocketAddress({ address, family: 'ipv6' });
  return `[${shortest}]:${port}`;
}
