import { chmodSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { AdminListener, AdminServer } from '../admin/server.ts';
import type { HostPort } from '../config/address.ts';
import type { Config } from '../config/config.ts';

type SocketAddress = NonNullable<Config['adminSocket']>;
type Wanted = Pick<Config, 'admin' | 'adminSocket'>;

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
  private current: Listeners = { port: null, socket: null };

  constructor(server: AdminServer) {
    this.server = server;
  }

  /** For the log; the port is the actual one. */
  get addresses(): { readonly admin?: HostPort; readonly adminSocket?: string } {
    const { port, socket } = this.current;
    return { ...(port && { admin: port.address }), ...(socket && { adminSocket: socket.address.path }) };
  }

  /** Throws an Error whose message is the sentence to show. */
  async plan({ admin, adminSocket }: Wanted, now: Wanted): Promise<AdminPlan> {
    const { current } = this;
    const opened: AdminListener[] = [];
    const abandon = () => {
      for (const listener of opened) listener.close();
    };
    let { port, socket } = current;
    try {
      if (!isDeepStrictEqual(admin, now.admin)) {
        port = admin && (await this.server.open(admin));
        if (port !== null) opened.push(port);
      }
      // With another mode only, its file stays.
      if (adminSocket?.path !== now.adminSocket?.path) {
        socket = adminSocket && (await this.server.openSocket(adminSocket));
        if (socket !== null) opened.push(socket);
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      adopt: () => {
        this.current = { port, socket };
        if (current.port !== port) current.port?.close();
        if (current.socket !== socket) current.socket?.close();
        else if (adminSocket !== null) chmodSync(adminSocket.path, adminSocket.mode);
      },
      abandon,
    };
  }

  async close(): Promise<void> {
    this.current = { port: null, socket: null };
    await this.server.close();
  }
}
