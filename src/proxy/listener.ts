import { createServer, type Server, type Socket } from 'node:net';

/**
 * A bound socket that the master made for this worker slot. The type is node's internal TCP or Pipe handle, which
 * `server.listen(handle)` takes.
 */
export type ListenHandle = object;

export interface ListenerOptions {
  readonly tcpKeepalive: boolean;
  readonly backlog: number;
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
    server.listen(handle, options.backlog, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}
