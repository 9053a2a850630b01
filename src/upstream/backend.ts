import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { HolderVisit } from '../memory/memory-ceiling.ts';
import { type FailureReason, REASONS_OF_A_WELL_SERVER } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { Log } from '../system/log.ts';
import type { BackendConnection } from './backend-connection.ts';
import { type BackendOptions, isSameAddress, keepsConnections } from './backend-options.ts';
import type { ConnectionOwner } from './connection-host.ts';
import { type EjectableServer, Ejection, type EjectionHost } from './ejection.ts';
import type { PrivateConnection } from './private-connection.ts';
import { PrivateConnections, type PrivateConnectionWaiter } from './private-connections.ts';
import { SharedConnections } from './shared-connections.ts';
import { Unanswered } from './unanswered.ts';

/** What a backend needs of its worker. */
export interface BackendHost extends EjectionHost {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  /** Somebody else may be in its place by now. */
  onDoubt(backend: Backend): void;
  /** From now on, until it `isAwake` no more, the backend has to be looked at once per tick. */
  onAwake(backend: Backend): void;
}

/** One server of a pool: its connections, its health, its statistics. */
export class Backend implements ConnectionOwner<BackendConnection>, EjectableServer {
  readonly name: string;
  /** Among the backends of the pool, which keeps it. */
  place = 0;
  options: BackendOptions;
  readonly stats: BackendStats;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  /** Something here may have a deadline: `checkDeadlines` is to be called. */
  isAwake = false;
  /** Its figures may have changed since they were last reported. */
  isUnreported = true;
  /** Out of the ring because the master says that it is down: since then, on the worker's clock; 0: it does not. */
  markedDownAtMs = 0;
  private readonly host: BackendHost;
  readonly connections: SharedConnections;
  private readonly privates: PrivateConnections;
  private readonly ejection: Ejection;
  readonly unanswered = new Unanswered();
  private retireTimer: NodeJS.Timeout | null = null;
  private onRetired: (() => void) | null = null;

  /** `stats` may be those of a backend of the same name that this one takes the place of. */
  constructor(options: BackendOptions, host: BackendHost, stats: BackendStats) {
    this.name = options.name;
    this.options = options;
    this.stats = stats;
    this.host = host;
    this.clock = host.clock;
    this.turn = host.turn;
    this.log = host.log;
    this.privates = new PrivateConnections(this, () => this.closeIfRetired());
    this.connections = new SharedConnections(this);
    this.ejection = new Ejection(this, host);
  }

  /** Out of the ring because requests failed. */
  get isEjected(): boolean {
    return this.ejection.isEjected;
  }

  /** In the ring. */
  get isLive(): boolean {
    return !this.isEjected && this.markedDownAtMs === 0;
  }

  /**
   * Takes over the master's verdict: `why` the server is down, or null when it is up. What is inflight goes on, as long as
   * the server says anything. True when that is a change; the ring is the caller's to build anew.
   */
  markDown(why: string | null): boolean {
    const isDown = why !== null;
    if (isDown === this.markedDownAtMs > 0) return false;
    this.markedDownAtMs = isDown ? this.clock.refresh() : 0;
    this.stats.isMarkedDown = isDown ? 1 : 0;
    this.isUnreported = true;
    this.log.debug({ server: this.name, why }, isDown ? 'server marked down' : 'server marked up');
    // Connections that wait before they try again need wait no longer.
    if (!isDown && !this.isEjected) this.connections.resume();
    return true;
  }

  /** The same for an ejection; see `Ejection.mark`. */
  markEjected(why: FailureReason | null): boolean {
    return this.ejection.mark(why);
  }

  /** Both lead to the same server. */
  isSameServer(other: Backend): boolean {
    return isSameAddress(this.options.address, other.options.address);
  }

  /** Whether `reconfigure` will do. */
  canBecome(options: BackendOptions): boolean {
    return keepsConnections(this.options, options);
  }

  /** Takes over other limits and times; connections stay. */
  reconfigure(options: BackendOptions): void {
    this.options = options;
    this.connections.setCount(options.connections);
    if (!options.autoEject) this.ejection.turnOff();
  }

  /** Answers what is inflight within `withinMs`, then closes and calls `onRetired`. */
  retire(withinMs: number, onRetired: () => void): void {
    this.onRetired = onRetired;
    this.ejection.stop();
    // The figures live on under this name, in the backend that takes its place.
    this.stats.isEjected = 0;
    this.stats.isMarkedDown = 0;
    this.connections.setCount(0);
    this.privates.retire();
    if (this.connections.isRetiring || this.privates.countInUse > 0)
      this.retireTimer = setTimeout(() => this.close(), withinMs);
    else this.close();
  }

  connectionRetired(connection: BackendConnection): void {
    this.connections.retired(connection);
    this.closeIfRetired();
  }

  private closeIfRetired(): void {
    if (this.connections.isEmpty && this.privates.countInUse === 0) this.close();
  }

  /** It takes no new requests: the server has left the pool. */
  get isRetired(): boolean {
    return this.connections.isGivenUp;
  }

  /** The shared connection that serves a client; none when it is retired. */
  connectionFor(clientId: number, variant: number): BackendConnection {
    if (!this.isAwake) this.stir();
    return this.connections.of(clientId, variant);
  }

  demand(connection: BackendConnection): BackendConnection {
    return this.connections.demand(connection);
  }

  /** Why requests of this variant fail at once; null: they don't. */
  whyDown(variant: number): FailureReason | null {
    return this.connections.whyDown(variant);
  }

  /** For so long it has said nothing on some connection, though a reply was due. */
  silentMs(nowMs: number): number {
    return this.connections.silentMs(nowMs);
  }

  /** Gives `waiter` a connection of its own, now or later, or refuses it: at once while the server is down. */
  acquirePrivate(waiter: PrivateConnectionWaiter): void {
    this.stir();
    const whyDown = this.connections.whyDown(waiter.variant);
    if (whyDown === null) this.privates.acquire(waiter);
    else waiter.onRefused(whyDown);
  }

  /** `waiter` has left before it was given one. */
  cancelPrivate(waiter: PrivateConnectionWaiter): void {
    this.privates.cancel(waiter);
  }

  /** Takes back a private connection; `isClean`: the server keeps nothing for its user any more. */
  releasePrivate(connection: PrivateConnection, isClean: boolean): void {
    this.privates.release(connection, isClean);
  }

  /** Opens the connections that most clients need, ahead of the first request. */
  preconnect(): void {
    this.connections.preconnect();
  }

  checkDeadlines(nowMs: number): void {
    this.connections.checkDeadlines(nowMs);
    this.privates.checkDeadlines(nowMs);
    this.isAwake = !this.connections.isAsleep || !this.privates.isEmpty;
  }

  stir(): void {
    this.isUnreported = true;
    if (this.isAwake) return;
    this.isAwake = true;
    this.host.onAwake(this);
  }

  close(): void {
    this.ejection.stop();
    if (this.retireTimer !== null) clearTimeout(this.retireTimer);
    this.retireTimer = null;
    this.connections.close();
    this.privates.close();
    const { onRetired } = this;
    this.onRetired = null;
    onRetired?.();
  }

  eachHolder(visit: HolderVisit): void {
    this.connections.eachHolder(visit);
    this.privates.eachHolder(visit);
  }

  /** Brings the gauges of `stats` up to date and returns it. */
  snapshot(): BackendStats {
    const { stats } = this;
    this.privates.measure();
    this.connections.measure(stats);
    return stats;
  }

  /** A request fails, be it sent, waiting for the connection or not taken at all. */
  fail(request: Request, reason: FailureReason): void {
    this.stats.failures[reason]++;
    const { nowUs } = this.clock;
    if (request.server !== this) {
      request.server = this;
      request.queuedAtUs = nowUs;
      request.sentAtUs = nowUs;
    }
    request.repliedAtUs = nowUs;
    request.sink?.onFailure(request, reason);
  }

  /** A whole reply arrived. */
  answered(isErrorReply: boolean, isWell: boolean): void {
    if (isWell) this.ejection.wentWell();
    this.stats.responses++;
    if (isErrorReply) this.stats.errorReplies++;
  }

  /**
   * The server says that it serves nobody for now, or no writes: another one may stand behind its name or address by now,
   * so connections are made anew, once a second at most. Where that is of no use again and again, it has failed.
   */
  outOfService(): void {
    const { renewals } = this.ejection;
    this.host.onDoubt(this);
    if (!renewals.begin(this.clock.nowMs)) return;
    if (renewals.before === 0) this.log.warn({ server: this.name }, 'server is out of service: connecting anew');
    this.connections.replace(this.options.connections);
    this.privates.renew();
    this.ejection.renewed();
  }

  /** A connection was lost with requests on it, or could not be made. */
  failed(reason: FailureReason): void {
    if (REASONS_OF_A_WELL_SERVER.has(reason)) return;
    this.host.onDoubt(this);
    this.ejection.failed(reason);
  }

  suspend(reason: FailureReason): void {
    this.connections.suspend(reason);
    this.privates.cutAll(reason);
  }

  resume(): void {
    this.connections.resume();
  }

  probe(): void {
    this.connections.first?.probe();
  }

  probeSucceeded(): void {
    this.ejection.probeSucceeded();
  }

  probeFailed(reason: FailureReason): void {
    this.ejection.probeFailed(reason);
  }
}
