/** Whether servers hear of a connection by the PROXY protocol, and in which version of it. */
export type ProxyVersion = 'off' | 'v1' | 'v2';

/**
 * What goes before all else on a connection of our own, which is no client's: UNKNOWN and LOCAL, by which the other side takes the
 * connection's own ends for what they are. Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, 2.1 and 2.2.
 */
const HEADERS = {
  v1: Buffer.from('PROXY UNKNOWN\r\n'),
  // Signature, version 2 and LOCAL, no family, no more bytes.
  v2: Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1'),
} as const;

/** Null: nothing goes before. The bytes are never written to. */
export function ownProxyHeader(version: ProxyVersion): Buffer | null {
  return version === 'off' ? null : HEADERS[version];
}
