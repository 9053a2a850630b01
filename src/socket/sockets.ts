import { connect, createServer, type Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { serverComplaint } from '../system/handshake-complaint.ts';
import { type ServerTls, startServerTls } from '../system/server-tls.ts';
import { keepAlive } from './keepalive.ts';
import { lookupName } from './name-lookup.ts';
import { nameEnds } from './named-ends.ts';
import { NetSocket } from './net-socket.ts';
import { type BoundHandle, PolledListener } from './polled-listener.ts';
import { PolledSocket } from './polled-socket.ts';
import { socketCalls } from './socket-calls.ts';
import { type StreamSocket, UNNAMED_PEER } from './stream-socket.ts';
import { TlsSocket } from './tls-socket.ts';

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

/** Where to connect to. */
export type PeerAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  /** Whoever is the master of that name: nowhere, as long as nobody has said who it is. */
  | { readonly master: string };

/** An attempt to connect that is under way. */
export interface ConnectAttempt {
  /** It is connected, and not yet through with TLS. */
  readonly isInHandshake: boolean;
  /** Gives up; nobody hears of the outcome. */
  cancel(): void;
}

/** What is said on a connection before its first request. */
export interface ConnectGreeting {
  /** Null: it is not spoken. */
  readonly tls: ServerTls | null;
  /** Goes before all else; null: nothing does. */
  readonly proxyHeader: Buffer | null;
}

/** The attempt's outcome; never called before `connectSocket` returns. */
export interface ConnectListener {
  onConnected(socket: StreamSocket): void;
  /** `complaint`: what was wrong with the peer's TLS; null: it did not come to that. */
  onRefused(errorCode: string, complaint: string | null): void;
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

/**
 * Connects to a host, trying its addresses in turn, or to the path of a unix socket. `keepaliveIdleMs` as for a listener.
 * With `tls` it is connected when the peer has proved who it is.
 */
export function connectSocket(
  address: PeerAddress,
  keepaliveIdleMs: number,
  { tls, proxyHeader }: ConnectGreeting,
  listener: ConnectListener,
): ConnectAttempt {
  if ('master' in address) return refuseLater(listener);
  let socket: Socket | null = null;
  let errorCode = 'EIO';
  let complaint: string | null = null;
  let isOver = false;
  const connected = (make: () => StreamSocket): void => {
    if (isOver) return;
    isOver = true;
    listener.onConnected(make());
  };
  const failed = (error: NodeJS.ErrnoException): void => {
    errorCode = error.code ?? errorCode;
  };
  const closed = (): void => {
    if (isOver) return;
    isOver = true;
    listener.onRefused(errorCode, complaint);
  };
  // node's own sockets need the ends of callbacks that node itself makes, and a round of polled sockets is none.
  setImmediate(() => {
    if (isOver) return;
    const plain = connect({
      ...address,
      lookup: lookupName,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: keepaliveIdleMs > 0,
      keepAliveInitialDelay: keepaliveIdleMs,
    });
    socket = plain;
    plain.on('error', failed);
    plain.once('close', closed);
    plain.once('connect', () => {
      if (isOver) return;
      const polled = () => connected(() => polledWhereAble(plain, keepaliveIdleMs));
      if (proxyHeader === null && tls === null) polled();
      else if (tls === null) plain.write(proxyHeader as Buffer, error => error || polled());
      else {
        if (proxyHeader !== null) plain.write(proxyHeader);
        socket = secure(plain, tls);
      }
    });
  });
  const secure = (plain: Socket, wanted: ServerTls): Socket => {
    const tlsSocket = startServerTls(plain, address, wanted);
    plain.off('close', closed);
    tlsSocket.on('error', (error: NodeJS.ErrnoException) => {
      // The system's own errors say enough.
      const isOfSystem = 'errno' in error || error.code === 'ECONNRESET';
      errorCode = isOfSystem ? (error.code ?? errorCode) : 'EPROTO';
      complaint = isOfSystem ? null : `TLS: ${serverComplaint(error)}`;
    });
    tlsSocket.once('secureConnect', () => connected(() => new TlsSocket(tlsSocket)));
    tlsSocket.once('close', closed);
    return tlsSocket;
  };
  return {
    get isInHandshake() {
      return !isOver && socket instanceof TLSSocket;
    },
    cancel: () => {
      isOver = true;
      socket?.destroy();
    },
  };
}

/** There is nowhere to connect to. */
function refuseLater(listener: ConnectListener): ConnectAttempt {
  const later = setImmediate(() => listener.onRefused('EHOSTDOWN', null));
  return { isInHandshake: false, cancel: () => clearImmediate(later) };
}

function polledWhereAble(socket: Socket, keepaliveIdleMs: number): StreamSocket {
  const stream = streamSocket(socket);
  if (keepaliveIdleMs > 0 && socketCalls !== null && stream instanceof PolledSocket) {
    keepAlive(socketCalls, BigInt(stream.descriptor), keepaliveIdleMs);
  }
  return stream;
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
