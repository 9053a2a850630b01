import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { certificateComplaint, handshakeComplaint, shownCertificate } from '../system/handshake-complaint.ts';
import { createTlsServer, type ListenTls } from '../system/listen-tls.ts';
import type { Log } from '../system/log.ts';

export interface TlsDoorHost {
  readonly log: Log;
  /** It is to speak TLS now; until then it does nothing else. */
  onPlain(socket: Socket): void;
  /** It speaks TLS over `plain`, and its certificate is good where one is wanted. */
  onSecured(socket: TLSSocket, plain: Socket): void;
}

/**
 * Speaks TLS on the connections that an HTTP server accepts, or does not: which may change, and its certificates, while the
 * server goes on listening. Those that there are go on as they began.
 */
export class TlsDoor {
  private readonly host: TlsDoorHost;
  private readonly serve: (socket: Socket) => void;
  private tls: TlsServer | null = null;

  /** `server`: nobody is connected yet. */
  constructor(server: Server, tls: ListenTls | null, host: TlsDoorHost) {
    this.host = host;
    // What node's HTTP server does with a connection; its HTTPS server does the same with those whose handshake is done.
    const serve = server.listeners('connection') as ((socket: Socket) => void)[];
    this.serve = socket => {
      for (const each of serve) each.call(server, socket);
    };
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.enter(socket));
    this.use(tls);
  }

  /** Throws an Error for what OpenSSL can't use. */
  use(tls: ListenTls | null): void {
    this.tls = tls === null ? null : this.createServer(tls);
  }

  private enter(socket: Socket): void {
    if (this.tls === null) {
      this.serve(socket);
      return;
    }
    // The TLS socket over it hears of them, too.
    socket.on('error', () => {});
    this.host.onPlain(socket);
    // Who ends its side in the handshake is gone; who does so later may wait for an answer.
    socket.allowHalfOpen = false;
    if (!socket.destroyed) this.tls.emit('connection', socket);
  }

  private createServer(tls: ListenTls): TlsServer {
    const server = createTlsServer(tls);
    server.on('secureConnection', socket => {
      socket.allowHalfOpen = true;
      const certificate = tls.clientCert === 'none' ? null : shownCertificate(socket);
      const complaint = certificate === null ? null : certificateComplaint(socket, certificate);
      if (complaint !== null) this.refuse(socket, complaint);
      else this.begin(socket);
    });
    server.on('tlsClientError', (error, socket) => {
      const complaint = handshakeComplaint(error, socket);
      if (complaint !== null) this.refuse(socket, complaint);
      else socket.destroy();
    });
    return server;
  }

  private begin(socket: TLSSocket): void {
    // Node's own name for what is below.
    const { _parent: plain } = socket as unknown as { readonly _parent?: Socket };
    this.host.onSecured(socket, plain ?? socket);
    this.serve(socket);
  }

  private refuse(socket: TLSSocket, why: string): void {
    socket.on('error', () => {});
    // Of one that is gone already nobody knows where it was.
    this.host.log.warn({ client: socket.remoteAddress ?? 'unknown', why }, 'admin: no TLS with a client');
    socket.destroy();
  }
}
