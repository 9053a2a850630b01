import { chmodSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { AdminListener, AdminServer } from '../admin/server.ts';
import type { HostPort } from '../config/address.ts';
import { adminDates, type CertificateDates } from '../config/certificate-dates.ts';
import { readAdminTls, renewedAdminTls, withNewTickets } from '../config/certificates.ts';
import type { Config } from '../config/config.ts';
import type { ListenTls } from '../system/listen-tls.ts';

type SocketAddress = NonNullable<Config['adminSocket']>;
type Wanted = Pick<Config, 'admin' | 'adminSocket' | 'adminTls'>;

export type HandleFor = (address: HostPort | { readonly path: string }) => object | null;

interface Listeners {
  readonly port: AdminListener<HostPort> | null;
  readonly socket: AdminListener<SocketAddress> | null;
}

/** The admin server at other addresses: it listens there already, beside the old ones. */
export interface AdminPlan {
  /** Gives up the old addresses; who is being answered there still gets the answer. */
  adopt(): void;
  abandon(): void;
}

/** Where the admin server listens: on a port, on a unix socket, on both or nowhere. */
export class AdminListeners {
  private readonly server: AdminServer;
  /** Node's handle of a socket that listens there for another process; null: there is none. */
  handleFor: HandleFor = () => null;
  private current: Listeners = { port: null, socket: null };
  /** As its files were read. */
  private tls: ListenTls | null = null;

  constructor(server: AdminServer) {
    this.server = server;
  }

  /** For the log; the port is the actual one. */
  get addresses(): { readonly admin?: HostPort; readonly adminSocket?: string } {
    const { port, socket } = this.current;
    return { ...(port && { admin: port.address }), ...(socket && { adminSocket: socket.address.path }) };
  }

  /** Throws an Error whose message is the sentence to show. */
  async plan({ admin, adminSocket, adminTls }: Wanted, now: Wanted): Promise<AdminPlan> {
    const { current } = this;
    const tls = readAdminTls(adminTls);
    const opened: AdminListener[] = [];
    const abandon = () => {
      for (const listener of opened) listener.close();
    };
    let { port, socket } = current;
    try {
      if (!isDeepStrictEqual(admin, now.admin)) {
        port = admin && (await this.server.open(admin, this.handleFor(admin), tls));
        if (port !== null) opened.push(port);
      }
      // With another mode only, its file stays.
      if (adminSocket?.path !== now.adminSocket?.path) {
        socket = adminSocket && (await this.server.openSocket(adminSocket, this.handleFor(adminSocket)));
        if (socket !== null) opened.push(socket);
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      adopt: () => {
        this.current = { port, socket };
        this.tls = tls;
        if (current.port === port) port?.speakTls(tls);
        if (current.port !== port) current.port?.close();
        if (current.socket !== socket) current.socket?.close();
        else if (adminSocket !== null) chmodSync(adminSocket.path, adminSocket.mode);
      },
      abandon,
    };
  }

  /** As `renewed`, of the certificates that `wanted` names; what is new is in force. */
  renewTls({ adminTls }: Wanted): 'renewed' | { readonly refused: string } | null {
    const next = renewedAdminTls(adminTls, this.tls);
    if (next === null || 'refused' in next) return next;
    this.tls = next.tls;
    this.current.port?.speakTls(next.tls);
    return 'renewed';
  }

  /** The keys of its session tickets are others now. */
  rotateTickets(): void {
    if (this.tls === null) return;
    this.tls = withNewTickets(this.tls);
    this.current.port?.speakTls(this.tls);
  }

  get dates(): readonly CertificateDates[] {
    return adminDates(this.tls);
  }

  /** What another process needs to listen there, too. `wanted`: as the configuration has it. */
  offered(wanted: Wanted): { readonly wanted: HostPort | { readonly path: string }; readonly handle: object }[] {
    const { port, socket } = this.current;
    const { admin, adminSocket } = wanted;
    return [
      ...(port !== null && admin !== null ? [{ wanted: admin, handle: port.handle }] : []),
      ...(socket !== null && adminSocket !== null
        ? [{ wanted: { path: adminSocket.path }, handle: socket.handle }]
        : []),
    ];
  }

  /** Another process listens there; resolves when who is being answered has the answer, or after `withinMs`. */
  async leave(withinMs: number): Promise<void> {
    const { port, socket } = this.current;
    this.current = { port: null, socket: null };
    port?.leave();
    socket?.leave();
    await this.server.untilAnswered(withinMs);
  }

  async close(): Promise<void> {
    this.current = { port: null, socket: null };
    await this.server.close();
  }
}
