import type { Server, TLSSocket } from 'node:tls';
import { certificateNames } from '../system/certificate-names.ts';
import { certificateComplaint, handshakeComplaint, shownCertificate } from '../system/handshake-complaint.ts';
import { createTlsServer, type ListenTls } from '../system/listen-tls.ts';
import type { Log } from '../system/log.ts';
import { handshakeTurns } from './handshake-turns.ts';
import { nodeSocket } from './sockets.ts';
import type { StreamSocket } from './stream-socket.ts';
import { TlsSocket } from './tls-socket.ts';

/** Handshakes that are under way; a client that comes beside so many is closed. */
const HANDSHAKES_MAX = 1024;

/** What a client has said of itself in its handshake. */
export interface TlsGreeting {
  /** Whom it has asked for (SNI); empty: nobody. */
  readonly serverName: string;
  /** See `certificateNames`: of a certificate that was verified, else nothing. */
  readonly certificateNames: readonly string[];
}

/** Of a client that does not speak TLS. */
export const NO_GREETING: TlsGreeting = { serverName: '', certificateNames: [] };

export interface TlsIntakeHost {
  readonly log: Log;
  readonly poolName: string;
}

/** Makes TLS of what a listener accepts. */
export class TlsIntake {
  private readonly server: Server;
  private readonly host: TlsIntakeHost;
  private readonly accept: (socket: StreamSocket, greeting: TlsGreeting) => void;
  private handshakes = 0;
  /** Who hears that a handshake is over, by node's socket below it. */
  private readonly overs = new WeakMap<object, () => void>();
  private onIdle: () => void = () => {};
  private isClosed = false;

  /** `accept`: a client whose handshake is done, and whose certificate is good where one is wanted. */
  constructor(tls: ListenTls, host: TlsIntakeHost, accept: (socket: StreamSocket, greeting: TlsGreeting) => void) {
    this.host = host;
    this.accept = accept;
    this.server = createTlsServer(tls);
    this.server.on('secureConnection', socket => this.secured(socket, tls.clientCert !== 'none'));
    this.server.on('tlsClientError', (error, socket) => this.failed(error, socket));
  }

  /**
   * Begins a handshake; nothing was read from the socket yet. `onOver`: called once, however it ends, and before `accept` is for its
   * client.
   */
  enter(stream: StreamSocket, onOver: () => void): void {
    if (this.handshakes >= HANDSHAKES_MAX) {
      this.refuse(stream.peer, `${HANDSHAKES_MAX} other handshakes are under way`);
      stream.destroy();
      onOver();
      return;
    }
    this.handshakes++;
    handshakeTurns.take(() => {
      const socket = nodeSocket(stream);
      this.overs.set(socket, onOver);
      // The TLS socket over it hears of them, too.
      socket.on('error', () => {});
      // Who ends its side in the handshake is gone; who does so later may wait for answers.
      socket.allowHalfOpen = false;
      this.server.emit('connection', socket);
    });
  }

  get isIdle(): boolean {
    return this.handshakes === 0;
  }

  /** Resolves when no handshake is under way. */
  finish(): Promise<void> {
    return new Promise(resolve => {
      this.onIdle = resolve;
      if (this.handshakes === 0) resolve();
    });
  }

  /** Handshakes that are under way lead to nothing any more. */
  close(): void {
    this.isClosed = true;
  }

  private secured(socket: TLSSocket, wantsCertificate: boolean): void {
    socket.allowHalfOpen = true;
    this.ended(socket);
    const certificate = wantsCertificate ? shownCertificate(socket) : null;
    const complaint = certificate === null ? null : certificateComplaint(socket, certificate);
    if (complaint !== null) this.refuse(peerOf(socket), complaint);
    if (complaint !== null || this.isClosed) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    const names = certificate === null ? [] : certificateNames(certificate);
    this.accept(new TlsSocket(socket), { serverName: serverNameOf(socket), certificateNames: names });
  }

  private failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    this.ended(socket);
    const complaint = handshakeComplaint(error, socket);
    if (complaint !== null) this.refuse(peerOf(socket), complaint);
    else this.host.log.debug({ pool: this.host.poolName }, 'client left in its handshake');
    socket.destroy();
  }

  private ended(socket: TLSSocket): void {
    this.overs.get(socketBelow(socket))?.();
    if (--this.handshakes === 0) this.onIdle();
  }

  private refuse(client: string, why: string): void {
    this.host.log.warn({ pool: this.host.poolName, client, why }, 'no TLS with a client');
  }
}

/** What TLS is spoken over. */
function socketBelow(socket: TLSSocket): object {
  return (socket as unknown as { readonly _parent: object })._parent;
}

/** Node says `false` where the client has asked for none. */
function serverNameOf({ servername }: TLSSocket & { servername?: string | false | null }): string {
  return typeof servername === 'string' ? servername : '';
}

/** Of a socket that may be closed already. */
function peerOf({ remoteAddress, remotePort }: TLSSocket): string {
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
}
