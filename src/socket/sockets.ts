import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { keepAlive } from './keepalive.ts';
import { lookupName } from './name-lookup.ts';
import { NetSocket } from './net-socket.ts';
import { type BoundHandle, PolledListener } from './polled-listener.ts';
import { PolledSocket } from './polled-socket.ts';
import { socketCalls } from './socket-calls.ts';
import type { StreamSocket } from './stream-socket.ts';

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

/** An attempt to connect that is under way. */
export interface ConnectAttempt {
  /** Gives up; nobody hears of the outcome. */
  cancel(): void;
}

/** The attempt's outcome; never called before `connectSocket` returns. */
export interface ConnectListener {
  onConnected(socket: StreamSocket): void;
  onRefused(errorCode: string): void;
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
    socket => accept(new NetSocket(socket)),
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

/**
 * Connects to a host, trying its addresses in turn, or to the path of a unix socket. `keepaliveIdleMs` as for a listener.
 */
export function connectSocket(
  address: NetConnectOpts,
  keepaliveIdleMs: number,
  listener: ConnectListener,
): ConnectAttempt {
  let socket: Socket | null = null;
  let errorCode = 'EIO';
  let isOver = false;
  // node's own sockets need the ends of callbacks that node itself makes, and a round of polled sockets is none.
  setImmediate(() => {
    if (isOver) return;
    socket = connect({
      ...address,
      lookup: lookupName,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: keepaliveIdleMs > 0,
      keepAliveInitialDelay: keepaliveIdleMs,
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      errorCode = error.code ?? errorCode;
    });
    socket.once('connect', () => {
      if (isOver) return;
      isOver = true;
      const stream = streamSocket(socket as Socket);
      if (keepaliveIdleMs > 0 && socketCalls !== null && stream instanceof PolledSocket) {
        keepAlive(socketCalls, BigInt(stream.descriptor), keepaliveIdleMs);
      }
      listener.onConnected(stream);
    });
    socket.once('close', () => {
      if (isOver) return;
      isOver = true;
      listener.onRefused(errorCode);
    });
  });
  return {
    cancel: () => {
      isOver = true;
      socket?.destroy();
    },
  };
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
