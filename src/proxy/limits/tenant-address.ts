import { isIPv6 } from 'node:net';

const PEER = /^(?:\[([^\]]+)\]|([0-9.]+)):\d+$/;
const MAPPED = /^::ffff:([0-9.]+)$/i;
/** Of eight. */
const NETWORK_GROUPS = 4;

/**
 * Which clients are one: those of an IPv4 address, or of an IPv6 network of 64 bits, which one host may have to itself
 * (RFC 4291, 2.5.4). `peer`: as `StreamSocket.peer`. Null: it has no address.
 */
export function tenantAddress(peer: string): string | null {
  const [, v6, v4] = PEER.exec(peer) ?? [];
  if (v4 !== undefined) return v4;
  if (v6 === undefined || !isIPv6(v6)) return null;
  return MAPPED.exec(v6)?.[1] ?? `${network(v6)}::/64`;
}

function network(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]!.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    // A dotted quad at the end stands for two groups.
    const behind =
      tail === '' ? [] : tail.split(':').flatMap(group => (group.includes('.') ? [group, group] : [group]));
    while (groups.length + behind.length < 8) groups.push('0');
    groups.push(...behind);
  }
  return groups
    .slice(0, NETWORK_GROUPS)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
