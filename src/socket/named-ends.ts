import type { Socket } from 'node:net';

interface NamedHandle {
  getpeername(out: EndName): number;
  getsockname(out: EndName): number;
}

interface EndName {
  address?: string;
  port?: number;
  family?: string;
}

/** What node says of the ends of `socket`, also when node:tls asks it, is `address:port` from now on; null: what the system says. */
export function nameEnds(
  socket: Socket,
  { peer, local }: { readonly peer: string | null; readonly local: string | null },
): void {
  const { _handle: handle } = socket as unknown as { _handle: NamedHandle };
  if (peer !== null) handle.getpeername = named(peer);
  if (local !== null) handle.getsockname = named(local);
}

function named(end: string): (out: EndName) => number {
  const colon = end.lastIndexOf(':');
  const address = end.slice(0, colon).replace(/[[\]]/g, '');
  const name = { address, port: Number(end.slice(colon + 1)), family: address.includes(':') ? 'IPv6' : 'IPv4' };
  return out => {
    Object.assign(out, name);
    return 0;
  };
}
