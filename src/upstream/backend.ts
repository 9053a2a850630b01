import type { Clock } from '../core/clock.ts';
import type { FailureReason } from '../core/failure.ts';
import type { Log } from '../core/log.ts';
import type { Request } from '../core/request.ts';
import { BackendStats } from '../core/statistics.ts';
import type { Turn } from '../core/turn.ts';
import type { ControlRequest, Protocol } from '../protocol/protocol.ts';
import { BackendConnection } from './backend-connection.ts';

export type BackendAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What the backends of a pool have in common, and `address` and `name` of this one. Durations in ms, sizes in bytes. */
export interface BackendOptions {
  readonly name: string;
  readonly address: BackendAddress;
  readonly protocol: Protocol;
  readonly password: string | null;
  readonly db: number;
  readonly connections: number;
  /** From the hand-over to the connection to the end of the reply; 0: none. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxInflight: number;
  readonly outputLimitBytes: number;
  readonly autoEject: boolean;
  /** Failures in a row that eject. */
  readonly failureLimit: number;
  /** Time out of the ring before the server is probed. */
  readonly retryTimeoutMs: number;
}

/** What a backend needs of its worker. */
export interface BackendHost {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  /** The backend left the ring, or is back in it. */
  onEjectionChange(): void;
}

/** One server of a pool: its connections, its health, its statistics. */
export class Backend {
  readonly name: string;
  readonly options: BackendOptions;
  readonly stats = new BackendStats();
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  readonly handshake: readonly ControlRequest[];
  isEjected = false;
  /** Times it was ejected. */
  ejections = 0;
  private readonly host: BackendHost;
  private readonly connections: BackendConnection[] = [];
  private failuresInARow = 0;
  private retryTimer: NodeJS.Timeout | null = null;

  constructor(options: BackendOptions, host: BackendHost) {
    this.name = options.name;
    this.options = options;
    this.host = host;
    this.clock = host.clock;
    this.turn = host.turn;
    this.log = host.log;
    this.handshake = options.protocol.handshake({ password: options.password, db: options.db });
    for (let i = 0; i < options.connections; i++) this.connections.push(new BackendConnection(this));
  }

  /**
   * The connection that serves a client. A client keeps to one of them, whatever their number, so that its requests
   * reach the server in its order.
   */
  connectionFor(clientId: number): BackendConnection {
    const { connections } = this;
    return (
      connections.length === 1 ? connections[0] : connections[clientId % connections.length]
    ) as BackendConnection;
  }

  preconnect(): void {
    for (const connection of this.connections) connection.preconnect();
  }

  checkDeadlines(nowMs: number): void {
    for (const connection of this.connections) connection.checkDeadline(nowMs);
  }

  close(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    for (const connection of this.connections) connection.close();
  }

  /** Brings the gauges of `stats` up to date and returns it. */
  snapshot(): BackendStats {
    const { stats } = this;
    stats.inQueue = 0;
    stats.inQueueBytes = 0;
    stats.outQueue = 0;
    stats.outQueueBytes = 0;
    for (const connection of this.connections) {
      stats.inQueue += connection.queuedRequests;
      stats.inQueueBytes += connection.unsentBytes;
      stats.outQueue += connection.inflightRequests;
      stats.outQueueBytes += connection.unansweredBytes;
    }
    return stats;
  }

  /** A request fails, be it sent, waiting for the connection or not taken at all. */
  fail(request: Request, reason: FailureReason): void {
    this.stats.failures[reason]++;
    request.sink?.onFailure(request, reason);
  }

  /** A whole reply arrived. */
  succeeded(isErrorReply: boolean): void {
    this.failuresInARow = 0;
    this.stats.responses++;
    if (isErrorReply) this.stats.errorReplies++;
  }

  /** A connection was lost with requests on it, or could not be made. */
  failed(reason: FailureReason): void {
    const { autoEject, failureLimit } = this.options;
    if (!autoEject || this.isEjected || ++this.failuresInARow < failureLimit) return;
    this.isEjected = true;
    this.ejections++;
    this.stats.isEjected = 1;
    this.stats.serverEjectedAtUs = Date.now() * 1000;
    this.log.warn({ server: this.name, reason, failures: this.failuresInARow }, 'server ejected');
    this.host.onEjectionChange();
    for (const connection of this.connections) connection.suspend(reason);
    this.probeLater();
  }

  probeSucceeded(): void {
    this.failuresInARow = 0;
    if (!this.isEjected) return;
    this.isEjected = false;
    this.stats.isEjected = 0;
    this.log.info({ server: this.name }, 'server readmitted');
    // The other connections were suspended with this one.
    for (const connection of this.connections) if (!connection.isConnected) connection.resume();
    this.host.onEjectionChange();
  }

  probeFailed(reason: FailureReason): void {
    this.log.debug({ server: this.name, reason }, 'ejected server does not answer yet');
    this.probeLater();
  }

  private probeLater(): void {
    this.retryTimer = setTimeout(() => this.connections[0]?.probe(), this.options.retryTimeoutMs);
    this.retryTimer.unref();
  }
}
