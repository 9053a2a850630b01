import { createServer, type Server, Socket } from 'node:net';
import { nameEnds } from './named-ends.ts';
import { NetSocket } from './net-socket.ts';
import { type BoundHandle, PolledListener } from './polled-listener.ts';
import { PolledSocket } from './polled-socket.ts';
import { socketCalls } from './socket-calls.ts';
import { type StreamSocket, UNNAMED_PEER } from './stream-socket.ts';

/** A bound socket that the master made for this worker slot: node's internal TCP or Pipe handle. */
export type ListenHandle = object;

export interface ListenerOptions {
  /** Silence after which TCP connections are probed, to find peers that vanished; 0: never. */
  readonly keepaliveIdleMs: number;
  readonly backlog: number;
}

/** Accepts until it is closed. */
export interface Listener {
  close(): void;
}

/** Whether sockets are polled; else they are node's. */
export const arePolled = socketCalls !== null;

/**
 * Accepts clients on a bound handle; resolves when it listens, rejects when the system refuses. `onError` hears when
 * a client could not be accepted.
 */
export async function listenOn(
  handle: ListenHandle,
  options: ListenerOptions,
  accept: (socket: StreamSocket) => void,
  onError: (error: Error) => void,
): Promise<Listener> {
  if (arePolled) {
    return new PolledListener(handle as BoundHandle, options, accept, onError);
  }
  const server = createServer(
    {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: options.keepaliveIdleMs > 0,
      keepAliveInitialDelay: options.keepaliveIdleMs,
    },
    socket => {
      // Of a connection that was reset already nobody can say any more whose it was: let nobody take that for a unix socket's.
      const stream = new NetSocket(socket);
      if (stream.peer === UNNAMED_PEER && stream.local !== '') socket.destroy();
      else {
        keepPeer(socket, stream.peer);
        accept(stream);
      }
    },
  );
  await listening(server, handle, options.backlog);
  server.on('error', onError);
  return server;
}

/**
 * What `server.listen(handle)` comes to for a TCP handle. For a Pipe (a unix socket) it would take the number of its file
 * descriptor instead, and have node:cluster ask the master for that number, where it is another file.
 */
interface HandleServer {
  _handle: ListenHandle;
  _listen2(address: null, port: -1, addressType: -1, backlog: number): void;
}

function listening(server: Server, handle: ListenHandle, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    const handleServer = server as unknown as HandleServer;
    handleServer._handle = handle;
    handleServer._listen2(null, -1, -1, backlog);
  });
}

/** Node's socket in place of one that was accepted and from which nothing was read; throws an Error where there is none. */
export function nodeSocket(stream: StreamSocket): Socket {
  if (stream instanceof NetSocket) return stream.socket;
  if (stream instanceof PolledSocket) {
    const { peer } = stream;
    const socket = new Socket({ fd: stream.release(), allowHalfOpen: true, readable: true, writable: true });
    keepPeer(socket, peer);
    return socket;
  }
  throw new Error('a socket of no known kind');
}

/** Node says who the peer is also once it has reset the connection. */
function keepPeer(socket: Socket, peer: string): void {
  if (peer !== UNNAMED_PEER) nameEnds(socket, { peer, local: null });
}

/** Of a socket that is connected and from which nothing was read: a polled one takes its place. */
export function streamSocket(socket: Socket, isPolled = arePolled): StreamSocket {
  const { _handle: handle } = socket as unknown as { _handle: { readonly fd: number } };
  const descriptor = isPolled ? (socketCalls?.duplicate(BigInt(handle.fd)) ?? -1) : -1;
  // Also where no descriptor was left.
  if (descriptor < 0) return new NetSocket(socket);
  socket.destroy();
  return new PolledSocket(descriptor);
}
