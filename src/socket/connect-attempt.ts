import { connect, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { serverComplaint } from '../system/handshake-complaint.ts';
import { type ServerTls, startServerTls } from '../system/server-tls.ts';
import { keepAlive } from './keepalive.ts';
import { lookupName } from './name-lookup.ts';
import { PolledSocket } from './polled-socket.ts';
import { socketCalls } from './socket-calls.ts';
import { streamSocket } from './sockets.ts';
import type { StreamSocket } from './stream-socket.ts';
import { TlsSocket } from './tls-socket.ts';

/** Where to connect to. */
export type PeerAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  /** Whoever is the master of that name: nowhere, as long as nobody has said who it is. */
  | { readonly master: string };

type FixedAddress = Exclude<PeerAddress, { readonly master: string }>;

/** What is said on a connection before its first request. */
export interface ConnectGreeting {
  /** Null: it is not spoken. */
  readonly tls: ServerTls | null;
  /** Goes before all else; null: nothing does. */
  readonly proxyHeader: Buffer | null;
}

/** The attempt's outcome; told once, and never before its constructor returns. */
export interface ConnectListener {
  onConnected(socket: StreamSocket): void;
  /** `complaint`: what was wrong with the peer's TLS; null: it did not come to that. */
  onRefused(errorCode: string, complaint: string | null): void;
}

/**
 * An attempt to connect to a host, trying its addresses in turn, or to the path of a unix socket. With TLS it is connected when the
 * peer has proved who it is.
 */
export class ConnectAttempt {
  private readonly address: PeerAddress;
  /** As for a listener. */
  private readonly keepaliveIdleMs: number;
  private readonly greeting: ConnectGreeting;
  private readonly listener: ConnectListener;
  private socket: Socket | null = null;
  private errorCode = 'EIO';
  private complaint: string | null = null;
  private isOver = false;

  constructor(address: PeerAddress, keepaliveIdleMs: number, greeting: ConnectGreeting, listener: ConnectListener) {
    this.address = address;
    this.keepaliveIdleMs = keepaliveIdleMs;
    this.greeting = greeting;
    this.listener = listener;
    // node's own sockets need the ends of callbacks that node itself makes, and a round of polled sockets is none.
    setImmediate(() => this.begin());
  }

  /** It is connected, and not yet through with TLS. */
  get isInHandshake(): boolean {
    return !this.isOver && this.socket instanceof TLSSocket;
  }

  /** Gives up; nobody hears of the outcome. */
  cancel(): void {
    this.isOver = true;
    this.socket?.destroy();
  }

  private begin(): void {
    const { address, keepaliveIdleMs } = this;
    if (this.isOver) return;
    if ('master' in address) {
      this.errorCode = 'EHOSTDOWN';
      this.closed();
      return;
    }
    const plain = connect({
      ...address,
      lookup: lookupName,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: keepaliveIdleMs > 0,
      keepAliveInitialDelay: keepaliveIdleMs,
    });
    this.socket = plain;
    plain.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? this.errorCode;
    });
    plain.once('close', this.closed);
    plain.once('connect', () => this.greet(plain, address));
  }

  private greet(plain: Socket, address: FixedAddress): void {
    const { tls, proxyHeader } = this.greeting;
    if (this.isOver) return;
    if (tls !== null) {
      if (proxyHeader !== null) plain.write(proxyHeader);
      this.secure(plain, address, tls);
    } else if (proxyHeader !== null) plain.write(proxyHeader, error => error || this.connectedPlain(plain));
    else this.connectedPlain(plain);
  }

  private secure(plain: Socket, address: FixedAddress, tls: ServerTls): void {
    const socket = startServerTls(plain, address, tls);
    this.socket = socket;
    plain.off('close', this.closed);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The system's own errors say enough.
      const isOfSystem = 'errno' in error || error.code === 'ECONNRESET';
      this.errorCode = isOfSystem ? (error.code ?? this.errorCode) : 'EPROTO';
      this.complaint = isOfSystem ? null : `TLS: ${serverComplaint(error)}`;
    });
    socket.once('secureConnect', () => {
      if (!this.isOver) this.connected(new TlsSocket(socket));
    });
    socket.once('close', this.closed);
  }

  private connectedPlain(plain: Socket): void {
    const { keepaliveIdleMs } = this;
    if (this.isOver) return;
    const stream = streamSocket(plain);
    if (keepaliveIdleMs > 0 && socketCalls !== null && stream instanceof PolledSocket) {
      keepAlive(socketCalls, BigInt(stream.descriptor), keepaliveIdleMs);
    }
    this.connected(stream);
  }

  private connected(stream: StreamSocket): void {
    this.isOver = true;
    this.listener.onConnected(stream);
  }

  private readonly closed = (): void => {
    if (this.isOver) return;
    this.isOver = true;
    this.listener.onRefused(this.errorCode, this.complaint);
  };
}
