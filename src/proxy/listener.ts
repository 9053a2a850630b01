import { createServer, type Server, type Socket } from 'node:net';

/** A bound socket that the master made for this worker slot: node's internal TCP or Pipe handle. */
export type ListenHandle = object;

export interface ListenerOptions {
  readonly tcpKeepalive: boolean;
  readonly backlog: number;
}

/**
 * What `server.listen(handle)` comes to for a TCP handle. For a Pipe (a unix socket) it would take the number of its file
 * descriptor instead, and have node:cluster ask the master for that number, where it is another file.
 */
interface HandleServer {
  _handle: ListenHandle;
  _listen2(address: null, port: -1, addressType: -1, backlog: number): void;
}

const KEEPALIVE_DELAY_MS = 60_000;

/**
 * A server on a bound handle; resolves when it listens, rejects when the system refuses. A client that ends its side
 * still gets its replies, so half-open connections are allowed.
 */
export function createListener(
  handle: ListenHandle,
  options: ListenerOptions,
  accept: (socket: Socket) => void,
): Promise<Server> {
  const server = createServer(
    {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: options.tcpKeepalive,
      keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
    },
    accept,
  );
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve(server);
    });
    const handleServer = server as unknown as HandleServer;
    handleServer._handle = handle;
    handleServer._listen2(null, -1, -1, options.backlog);
  });
}
