import type { Server, TLSSocket } from 'node:tls';
import { createTlsServer, type ListenTls } from '../system/listen-tls.ts';
import type { Log } from '../system/log.ts';
import { nodeSocket } from './sockets.ts';
import type { StreamSocket } from './stream-socket.ts';
import { TlsSocket } from './tls-socket.ts';

/** Handshakes that are under way; a client that comes beside so many is closed. */
const HANDSHAKES_MAX = 1024;

/** What OpenSSL calls a client that speaks something else than TLS. */
const PLAIN_CLIENT: ReadonlySet<string | undefined> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
]);

export interface TlsIntakeHost {
  readonly log: Log;
  readonly poolName: string;
}

/** Makes TLS of what a listener accepts. */
export class TlsIntake {
  private readonly server: Server;
  private readonly host: TlsIntakeHost;
  private readonly accept: (socket: StreamSocket) => void;
  private handshakes = 0;
  private isClosed = false;

  /** `accept`: a client whose handshake is done, and whose certificate is good where one is wanted. */
  constructor(tls: ListenTls, host: TlsIntakeHost, accept: (socket: StreamSocket) => void) {
    this.host = host;
    this.accept = accept;
    this.server = createTlsServer(tls);
    this.server.on('secureConnection', socket => this.secured(socket, tls.clientCert !== 'none'));
    this.server.on('tlsClientError', (error, socket) => this.failed(error, socket));
  }

  /** Begins a handshake; nothing was read from the socket yet. */
  enter(stream: StreamSocket): void {
    if (this.handshakes >= HANDSHAKES_MAX) {
      this.refuse(stream.peer, `${HANDSHAKES_MAX} other handshakes are under way`);
      stream.destroy();
      return;
    }
    this.handshakes++;
    // Node's sockets need the ends of callbacks that node itself makes, and a round of polled sockets is none.
    setImmediate(() => {
      const socket = nodeSocket(stream);
      // The TLS socket over it hears of them, too.
      socket.on('error', () => {});
      this.server.emit('connection', socket);
    });
  }

  /** Handshakes that are under way lead to nothing any more. */
  close(): void {
    this.isClosed = true;
  }

  private secured(socket: TLSSocket, wantsCertificate: boolean): void {
    this.handshakes--;
    const { authorizationError } = socket;
    // Where none is required, one that is shown may still be bad: who shows it wants to be known by it.
    const isBad = wantsCertificate && !socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0;
    if (isBad) this.refuse(peerOf(socket), `its certificate is not accepted: ${authorizationError}`);
    if (isBad || this.isClosed) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.accept(new TlsSocket(socket));
  }

  private failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    this.handshakes--;
    const { authorizationError } = socket;
    if (authorizationError) this.refuse(peerOf(socket), `its certificate is not accepted: ${authorizationError}`);
    else if (PLAIN_CLIENT.has(error.code)) this.refuse(peerOf(socket), 'it does not speak TLS, and this pool does');
    // It went away, as port scanners and balancers that look whether we are there do.
    else if (error.code === 'ECONNRESET')
      this.host.log.debug({ pool: this.host.poolName }, 'client left in its handshake');
    else this.refuse(peerOf(socket), error.message);
    socket.destroy();
  }

  private refuse(client: string, why: string): void {
    this.host.log.warn({ pool: this.host.poolName, client, why }, 'no TLS with a client');
  }
}

/** Of a socket that may be closed already. */
function peerOf({ remoteAddress, remotePort }: TLSSocket): string {
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
}
