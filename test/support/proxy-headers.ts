// Headers of the PROXY protocol, version 2, as a balancer writes them.
import { SocketAddress } from 'node:net';

export interface ProxyTwo {
  readonly version?: number;
  readonly command?: number;
  /** By default that of the addresses. */
  readonly family?: number;
  readonly source?: string;
  readonly target?: string;
  readonly ports?: readonly [number, number];
  /** Bytes behind the addresses. */
  readonly more?: Buffer;
}

export function proxyTwo({ version = 2, command = 1, family, source, target, ports, more }: ProxyTwo): Buffer {
  const addresses = [source, target].flatMap(text => (text === undefined ? [] : [addressBytes(text)]));
  const portBytes = Buffer.alloc(ports === undefined ? 0 : 4);
  for (const [i, port] of (ports ?? []).entries()) portBytes.writeUInt16BE(port, 2 * i);
  const rest = Buffer.concat([...addresses, portBytes, more ?? Buffer.alloc(0)]);
  const head = Buffer.alloc(16);
  head.write('\r\n\r\n\0\r\nQUIT\n', 'latin1');
  head[12] = (version << 4) | command;
  head[13] = family ?? (source?.includes(':') ? 0x21 : 0x11);
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
}

function addressBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const [left = '', right = ''] = address.split('::');
  const groups = (part: string) => part.split(':').filter(group => group !== '');
  const [begin, end] = [groups(left), groups(right)];
  const all = [...begin, ...Array<string>(8 - begin.length - end.length).fill('0'), ...end];
  return Buffer.from(all.map(group => group.padStart(4, '0')).join(''), 'hex');
}
