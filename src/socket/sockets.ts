import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { DirectSocket } from './direct-socket.ts';
import { handleBinding, type ServerHandle, type StreamHandle } from './handle-binding.ts';
import { NetSocket } from './net-socket.ts';
import type { StreamSocket } from './stream-socket.ts';

/** A bound socket that the master made for this worker slot: node's internal TCP or Pipe handle. */
export type ListenHandle = object;

export interface ListenerOptions {
  readonly tcpKeepalive: boolean;
  readonly backlog: number;
  /** Makes another descriptor of the same socket, or -1; null where that can't be done. */
  readonly duplicate: ((descriptor: number) => number) | null;
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

/** libuv accepts one connection for each descriptor and turn of the event loop: so many are accepted in one turn. */
export const ACCEPTS_PER_TURN = 3;
/** TCPConstants.SERVER and PipeConstants.SERVER. */
const SERVER_HANDLE = 1;
/** Probes of a silent TCP connection begin after so long; they find a peer that vanished. */
const KEEPALIVE_DELAY_MS = 60_000;

/** Whether sockets are direct ones; RINGMASTER_SOCKETS=net turns them off. */
export const areSocketsDirect = handleBinding !== null && process.env.RINGMASTER_SOCKETS !== 'net';

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
  if (areSocketsDirect) return listenDirectly(handle as ServerHandle, options, accept, onError);
  const server = createServer(
    {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: options.tcpKeepalive,
      keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
    },
    socket => accept(new NetSocket(socket)),
  );
  await listening(server, handle, options.backlog);
  server.on('error', onError);
  return server;
}

function listenDirectly(
  handle: ServerHandle,
  { tcpKeepalive, backlog, duplicate }: ListenerOptions,
  accept: (socket: StreamSocket) => void,
  onError: (error: Error) => void,
): Listener {
  // Accepted sockets inherit both (Linux, BSD): two system calls less for each client.
  handle.setNoDelay?.(true);
  if (tcpKeepalive) handle.setKeepAlive?.(true, KEEPALIVE_DELAY_MS / 1000);
  const handles = duplicate === null ? [handle] : [handle, ...duplicatesOf(handle, duplicate)];
  const close = () => {
    for (const each of handles) each.close();
  };
  for (const each of handles) {
    each.onconnection = (status, client) => {
      if (status === 0) accept(new DirectSocket(client));
      else onError(systemError(status, 'accept'));
    };
    const status = each.listen(backlog);
    if (status === 0) continue;
    close();
    throw systemError(status, 'listen');
  }
  return { close };
}

/** Further handles of the same socket; fewer where the system has no descriptors left. */
function duplicatesOf(handle: ServerHandle, duplicate: (descriptor: number) => number): ServerHandle[] {
  const Handle = handle.constructor as new (type: number) => ServerHandle;
  const handles: ServerHandle[] = [];
  while (handles.length < ACCEPTS_PER_TURN - 1) {
    const descriptor = duplicate(handle.fd);
    if (descriptor < 0) break;
    const another = new Handle(SERVER_HANDLE);
    const status = another.open(descriptor);
    if (status !== 0) throw systemError(status, 'open');
    handles.push(another);
  }
  return handles;
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

/** Connects to a host, trying its addresses in turn, or to the path of a unix socket. */
export function connectSocket(address: NetConnectOpts, listener: ConnectListener): ConnectAttempt {
  const socket = connect({
    ...address,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
  });
  let errorCode = 'EIO';
  let isOver = false;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    errorCode = error.code ?? errorCode;
  });
  socket.once('connect', () => {
    if (isOver) return;
    isOver = true;
    listener.onConnected(streamSocket(socket));
  });
  socket.once('close', () => {
    if (isOver) return;
    isOver = true;
    listener.onRefused(errorCode);
  });
  return {
    cancel: () => {
      isOver = true;
      socket.destroy();
    },
  };
}

/** Of a socket that is connected and from which nothing was read: a direct one takes its handle away from it. */
export function streamSocket(socket: Socket, isDirect = areSocketsDirect): StreamSocket {
  if (!isDirect) return new NetSocket(socket);
  const shell = socket as unknown as { _handle: StreamHandle | null };
  const handle = shell._handle as StreamHandle;
  shell._handle = null;
  return new DirectSocket(handle);
}

function systemError(status: number, call: string): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${call} ${code}`), { code });
}
