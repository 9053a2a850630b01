import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { HolderVisit } from '../memory/memory-ceiling.ts';
import { FlapPenalty } from '../placement/flap-penalty.ts';
import { type FailureReason, REASONS_OF_A_WELL_SERVER } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { Log } from '../system/log.ts';
import type { BackendConnection } from './backend-connection.ts';
import { type BackendOptions, isSameAddress, keepsConnections } from './backend-options.ts';
import type { ConnectionOwner } from './connection-host.ts';
import type { PrivateConnection } from './private-connection.ts';
import { PrivateConnections, type PrivateConnectionWaiter } from './private-connections.ts';
import { Renewals } from './renewals.ts';
import { SharedConnections } from './shared-connections.ts';
import { Unanswered } from './unanswered.ts';

/** What a backend needs of its worker. */
export interface BackendHost {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  /** So many requests to the server have failed in a row. False when there is nobody to decide for all workers. */
  onTrouble(server: string, reason: FailureReason, failures: number): boolean;
  /** Somebody else may be in its place by now. */
  onDoubt(backend: Backend): void;
  /** The backend leaves the ring because of its failures here. */
  onEjection(): void;
  /** The ring has to be built anew: the backend has left it, or is back in it. */
  onEjectionChange(): void;
  /** From now on, until it `isAwake` no more, the backend has to be looked at once per tick. */
  onAwake(backend: Backend): void;
}

/** Who decides for all workers has so long; then the worker decides for itself. */
const VERDICT_WITHIN_MS = 1000;
/** An ejected server is not asked more often than this, however short its retry timeout. */
const PROBE_PAUSE_MIN_MS = 50;
/** A server that keeps toggling is out for no longer than this before it is probed, or for its retry timeout. */
const TOGGLING_PAUSE_MAX_MS = 5 * 60_000;

/** One server of a pool: its connections, its health, its statistics. */
export class Backend implements ConnectionOwner<BackendConnection> {
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
  /** Out of the ring because requests failed: the master's verdict, or ours where it says nothing. */
  isEjected = false;
  /** Out of the ring because the master says that it is down: since then, on the worker's clock; 0: it does not. */
  markedDownAtMs = 0;
  private readonly host: BackendHost;
  readonly connections: SharedConnections;
  private readonly privates: PrivateConnections;
  private failuresInARow = 0;
  /** Nobody decided for us: we have to probe it ourselves. */
  private isEjectedAlone = false;
  private verdictTimer: NodeJS.Timeout | null = null;
  private readonly renewals = new Renewals();
  readonly unanswered = new Unanswered();
  private readonly penalty = new FlapPenalty();
  private retryTimer: NodeJS.Timeout | null = null;
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

  /**
   * Takes over the master's verdict: `why` the server is ejected, or null when it is not. True when that is a change; the
   * ring is the caller's to build anew. Null does not end an ejection of our own: its probe does.
   */
  markEjected(why: FailureReason | null): boolean {
    if (why === null) {
      if (!this.isEjected || this.isEjectedAlone) return false;
      this.readmit('the master says so');
      return true;
    }
    const isOurs = this.verdictTimer !== null;
    this.stopWaiting();
    if (this.isEjected) {
      this.isEjectedAlone = false;
      this.stopRetrying();
      return false;
    }
    if (isOurs) this.host.onEjection();
    this.eject(why);
    return true;
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
    if (options.autoEject) return;
    this.stopWaiting();
    if (!this.isEjected) return;
    this.readmit('ejection was turned off');
    this.host.onEjectionChange();
  }

  /** Answers what is inflight within `withinMs`, then closes and calls `onRetired`. */
  retire(withinMs: number, onRetired: () => void): void {
    this.onRetired = onRetired;
    this.stopRetrying();
    this.stopWaiting();
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
    this.stopRetrying();
    this.stopWaiting();
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
    if (isWell) this.failuresInARow = 0;
    this.stats.responses++;
    if (isErrorReply) this.stats.errorReplies++;
  }

  /**
   * The server says that it serves nobody for now, or no writes: another one may stand behind its name or address by now,
   * so connections are made anew, once a second at most. Where that is of no use again and again, it has failed.
   */
  outOfService(): void {
    const { autoEject, failureLimit, connections } = this.options;
    this.host.onDoubt(this);
    if (!this.renewals.begin(this.clock.nowMs)) return;
    const { before } = this.renewals;
    if (before === 0) this.log.warn({ server: this.name }, 'server is out of service: connecting anew');
    this.connections.replace(connections);
    this.privates.renew();
    if (autoEject && !this.isEjected && before >= failureLimit) this.tellTrouble('host_down', before);
  }

  /** A connection was lost with requests on it, or could not be made. */
  failed(reason: FailureReason): void {
    const { autoEject, failureLimit } = this.options;
    if (REASONS_OF_A_WELL_SERVER.has(reason)) return;
    this.host.onDoubt(this);
    if (!autoEject || this.isEjected || ++this.failuresInARow < failureLimit) return;
    this.tellTrouble(reason, this.failuresInARow);
  }

  /** Asks for a verdict on this server. */
  private tellTrouble(reason: FailureReason, failures: number): void {
    if (this.verdictTimer !== null) return;
    if (!this.host.onTrouble(this.name, reason, failures)) {
      this.ejectAlone(reason);
      return;
    }
    // A verdict that came while this process was busy is read first.
    const timer = setTimeout(() => setImmediate(() => this.missVerdict(timer, reason)), VERDICT_WITHIN_MS);
    this.verdictTimer = timer.unref();
  }

  /** In a row, of the kind of which there are more. */
  private get failures(): number {
    return Math.max(this.failuresInARow, this.renewals.before);
  }

  private missVerdict(timer: NodeJS.Timeout, reason: FailureReason): void {
    if (this.verdictTimer !== timer) return;
    this.stopWaiting();
    if (this.failures >= this.options.failureLimit) this.ejectAlone(reason);
  }

  private stopWaiting(): void {
    if (this.verdictTimer !== null) clearTimeout(this.verdictTimer);
    this.verdictTimer = null;
  }

  private ejectAlone(reason: FailureReason): void {
    const { failures } = this;
    this.host.onEjection();
    this.eject(reason);
    this.isEjectedAlone = true;
    this.penalty.wentDown(this.clock.nowMs);
    const pauseMs = this.pauseMs(this.penalty.factor);
    this.log.warn({ server: this.name, reason, failures, probeInMs: pauseMs }, 'server ejected by this worker alone');
    this.host.onEjectionChange();
    this.probeAfter(pauseMs);
  }

  private eject(reason: FailureReason): void {
    this.isEjected = true;
    this.isUnreported = true;
    this.stats.isEjected = 1;
    this.stats.serverEjectedAtUs = Date.now() * 1000;
    this.connections.suspend(reason);
    this.privates.cutAll(reason);
  }

  probeSucceeded(): void {
    this.failuresInARow = 0;
    if (!this.isEjected) return;
    this.readmit('it answered a probe');
    this.host.onEjectionChange();
  }

  private readmit(why: string): void {
    this.stopRetrying();
    if (this.isEjectedAlone) this.log.info({ server: this.name, why }, 'server readmitted by this worker alone');
    else this.log.debug({ server: this.name, why }, 'server readmitted');
    this.isEjected = false;
    this.isEjectedAlone = false;
    this.failuresInARow = 0;
    this.renewals.forget();
    this.stats.isEjected = 0;
    this.isUnreported = true;
    this.penalty.cameBack(this.clock.nowMs);
    // The other connections were suspended with this one.
    this.connections.resume();
  }

  probeFailed(reason: FailureReason): void {
    this.log.debug({ server: this.name, reason }, 'ejected server does not answer yet');
    this.probeAfter(this.pauseMs(1));
  }

  private stopRetrying(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
  }

  private pauseMs(factor: number): number {
    const onceMs = Math.max(PROBE_PAUSE_MIN_MS, this.options.retryTimeoutMs);
    return Math.max(onceMs, Math.min(onceMs * factor, TOGGLING_PAUSE_MAX_MS));
  }

  private probeAfter(pauseMs: number): void {
    this.retryTimer = setTimeout(() => this.connections.first?.probe(), pauseMs);
    this.retryTimer.unref();
  }
}
