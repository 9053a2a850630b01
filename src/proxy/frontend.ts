import type { Server, Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { PoolStats } from '../core/statistics.ts';
import type { Turn } from '../core/turn.ts';
import type { Framer, ParserOptions, Protocol, RequestParser, Session } from '../protocol/protocol.ts';
import type { Pool } from '../upstream/pool.ts';
import { ClientConnection, type ClientHost, type ClientLimits } from './client-connection.ts';
import { createListener, type ListenHandle } from './listener.ts';
import { Router } from './router.ts';

export interface FrontendOptions {
  readonly protocol: Protocol;
  readonly parser: Omit<ParserOptions, 'maxRequestBytes' | 'poolName'>;
  readonly limits: ClientLimits;
  /** See `Router`. */
  readonly sendsToFirstKey: boolean;
  readonly tcpKeepalive: boolean;
  readonly backlog: number;
}

/** The client side of one pool in one worker: its listener, its clients, and what these share. */
export class Frontend implements ClientHost {
  readonly poolName: string;
  readonly stats: PoolStats;
  readonly protocol: Protocol;
  readonly parser: RequestParser;
  readonly router: Router;
  readonly limits: ClientLimits;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  private readonly options: FrontendOptions;
  private readonly parserOptions: ParserOptions;
  private readonly clients = new Set<ClientConnection>();
  private listener: Server | null = null;
  private isDraining = false;
  private onDrained: () => void = () => {};

  /** `nextClientId` numbers clients within the worker. */
  private readonly nextClientId: () => number;

  constructor(pool: Pool, options: FrontendOptions, nextClientId: () => number) {
    this.options = options;
    this.parserOptions = {
      ...options.parser,
      poolName: pool.name,
      maxRequestBytes: options.limits.maxRequestBytes,
    };
    this.poolName = pool.name;
    this.stats = pool.stats;
    this.protocol = options.protocol;
    this.parser = options.protocol.createParser(this.parserOptions);
    this.router = new Router(pool, options.protocol, options.sendsToFirstKey);
    this.limits = options.limits;
    this.clock = pool.clock;
    this.turn = pool.turn;
    this.log = pool.log;
    this.nextClientId = nextClientId;
  }

  /** Accepts clients on a bound handle; resolves when it listens. */
  async listen(handle: ListenHandle): Promise<void> {
    const { tcpKeepalive, backlog } = this.options;
    this.listener = await createListener(handle, { tcpKeepalive, backlog }, socket => this.accept(socket));
    this.listener.on('error', error => this.log.error({ pool: this.poolName, err: error }, 'listener failed'));
  }

  createFramer(session: Session): Framer {
    return this.protocol.createFramer(this.parserOptions, session);
  }

  removeClient(client: ClientConnection): void {
    this.clients.delete(client);
    if (this.isDraining && this.clients.size === 0) this.onDrained();
  }

  /** Stops accepting, answers what is pending and closes; resolves when the last client is gone. */
  drain(): Promise<void> {
    this.isDraining = true;
    this.listener?.close();
    if (this.clients.size === 0) return Promise.resolve();
    return new Promise(resolve => {
      this.onDrained = resolve;
      for (const client of this.clients) client.drain();
    });
  }

  /** Cuts off the clients that are left; returns their number. */
  destroyClients(): number {
    const { size } = this.clients;
    for (const client of this.clients) client.destroy();
    return size;
  }

  private accept(socket: Socket): void {
    const client = new ClientConnection(this.nextClientId(), socket, this);
    this.clients.add(client);
    if (this.isDraining) client.drain();
  }
}
