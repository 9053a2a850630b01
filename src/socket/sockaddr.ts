// Linux: <sys/socket.h>, <netinet/in.h>, <sys/un.h>.
import { SocketAddress } from 'node:net';

/** sockaddr_storage. */
export const SOCKADDR_BYTES = 128;
/** Of the longest that names a peer, sockaddr_in6. */
const NAMED_BYTES = 28;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** What of the sockaddr in `name` says who a peer is, to be kept; null: nothing, as with a unix socket. */
export function keptName(name: Buffer): Buffer | null {
  const family = familyOf(name);
  return family === AF_INET || family === AF_INET6 ? Buffer.from(name.subarray(0, NAMED_BYTES)) : null;
}

/** As `address:port`; empty: it has no address. A path is none: a client can call its own end what it likes, `10.0.0.1:80` for one. */
export function peerText(name: Buffer): string {
  return familyOf(name) === AF_UNIX ? '' : localText(name);
}

/** As `address:port`, or the path of a unix socket; empty: it has neither. */
export function localText(name: Buffer): string {
  const family = familyOf(name);
  const port = name.readUInt16BE(2);
  if (family === AF_INET) return `${name.subarray(4, 8).join('.')}:${port}`;
  if (family === AF_UNIX) return name.toString('utf8', 2, name.indexOf(0, 2));
  if (family !== AF_INET6) return '';
  const groups = Array.from({ length: 8 }, (_, i) => name.readUInt16BE(8 + 2 * i).toString(16));
  return `[${new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address}]:${port}`;
}

/** In the byte order of the machine; all that sockets are polled on have it so. */
function familyOf(name: Buffer): number {
  return name.readUInt16LE(0);
}
