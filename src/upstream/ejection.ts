import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import { FlapPenalty } from '../placement/flap-penalty.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Log } from '../system/log.ts';
import type { BackendOptions } from './backend-options.ts';
import { Renewals } from './renewals.ts';

/** The backend that may be ejected. */
export interface EjectableServer {
  readonly name: string;
  readonly options: Pick<BackendOptions, 'autoEject' | 'failureLimit' | 'retryTimeoutMs'>;
  readonly stats: BackendStats;
  readonly clock: Clock;
  readonly log: Log;
  isUnreported: boolean;
  /** Refuses requests until `resume`, or until a probe has succeeded. */
  suspend(reason: FailureReason): void;
  resume(): void;
  /** Asks whether it is well; `Ejection.probeSucceeded` or `Ejection.probeFailed` hears of it. */
  probe(): void;
}

export interface EjectionHost {
  /** So many requests to the server have failed in a row. False when there is nobody to decide for all workers. */
  onTrouble(server: string, reason: FailureReason, failures: number): boolean;
  /** The server leaves the ring because of its failures here. */
  onEjection(): void;
  /** The ring has to be built anew: the server has left it, or is back in it. */
  onEjectionChange(): void;
}

/** Who decides for all workers has so long; then the worker decides for itself. */
const VERDICT_WITHIN_MS = 1000;
/** An ejected server is not asked more often than this, however short its retry timeout. */
const PROBE_PAUSE_MIN_MS = 50;
/** A server that keeps toggling is out for no longer than this before it is probed, or for its retry timeout. */
const TOGGLING_PAUSE_MAX_MS = 5 * 60_000;

/*
 * Whether a server is out of the ring because requests to it failed, as one worker knows it:
 *
 *   in the ring ─▶ it is in trouble ─┬─ the master says so ─────────────────▶ ejected ─▶ readmitted, when the master says so
 *                                    └─ it says nothing, or there is none ──▶ ejected alone ⇄ probe ─▶ readmitted, when it answers
 */
export class Ejection {
  /** The master's verdict, or ours where it says nothing. */
  isEjected = false;
  /** Of connections, because the server was out of service: each soon after the other counts as a failure. */
  readonly renewals = new Renewals();
  private failuresInARow = 0;
  private readonly server: EjectableServer;
  private readonly host: EjectionHost;
  /** Nobody decided for us: we have to probe it ourselves. */
  private isAlone = false;
  private verdictTimer: NodeJS.Timeout | null = null;
  private retryTimer: NodeJS.Timeout | null = null;
  private readonly penalty = new FlapPenalty();

  constructor(server: EjectableServer, host: EjectionHost) {
    this.server = server;
    this.host = host;
  }

  /**
   * Takes over the master's verdict: `why` the server is ejected, or null when it is not. True when that is a change; the
   * ring is the caller's to build anew. Null does not end an ejection of our own: its probe does.
   */
  mark(why: FailureReason | null): boolean {
    if (why === null) {
      if (!this.isEjected || this.isAlone) return false;
      this.readmit('the master says so');
      return true;
    }
    const isOurs = this.verdictTimer !== null;
    this.stopWaiting();
    if (this.isEjected) {
      this.isAlone = false;
      this.stopRetrying();
      return false;
    }
    if (isOurs) this.host.onEjection();
    this.eject(why);
    return true;
  }

  /** A request was answered as by a server that is well. */
  wentWell(): void {
    this.failuresInARow = 0;
  }

  /** A connection was lost with requests on it, or could not be made. */
  failed(reason: FailureReason): void {
    const { autoEject, failureLimit } = this.server.options;
    if (!autoEject || this.isEjected || ++this.failuresInARow < failureLimit) return;
    this.tellTrouble(reason, this.failuresInARow);
  }

  /** Connections were made anew, of which there is one more in `renewals`. */
  renewed(): void {
    const { autoEject, failureLimit } = this.server.options;
    const { before } = this.renewals;
    if (autoEject && !this.isEjected && before >= failureLimit) this.tellTrouble('host_down', before);
  }

  probeSucceeded(): void {
    this.failuresInARow = 0;
    if (!this.isEjected) return;
    this.readmit('it answered a probe');
    this.host.onEjectionChange();
  }

  probeFailed(reason: FailureReason): void {
    this.server.log.debug({ server: this.server.name, reason }, 'ejected server does not answer yet');
    this.probeAfter(this.pauseMs(1));
  }

  /** Servers are no longer ejected from this pool. */
  turnOff(): void {
    this.stopWaiting();
    if (!this.isEjected) return;
    this.readmit('ejection was turned off');
    this.host.onEjectionChange();
  }

  /** The server is nobody's any more. */
  stop(): void {
    this.stopRetrying();
    this.stopWaiting();
  }

  /** Asks for a verdict on the server. */
  private tellTrouble(reason: FailureReason, failures: number): void {
    if (this.verdictTimer !== null) return;
    if (!this.host.onTrouble(this.server.name, reason, failures)) {
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
    if (this.failures >= this.server.options.failureLimit) this.ejectAlone(reason);
  }

  private ejectAlone(reason: FailureReason): void {
    const { failures, server } = this;
    const { name, clock, log } = server;
    this.host.onEjection();
    this.eject(reason);
    this.isAlone = true;
    this.penalty.wentDown(clock.nowMs);
    const pauseMs = this.pauseMs(this.penalty.factor);
    log.warn({ server: name, reason, failures, probeInMs: pauseMs }, 'server ejected by this worker alone');
    this.host.onEjectionChange();
    this.probeAfter(pauseMs);
  }

  private eject(reason: FailureReason): void {
    const { server } = this;
    this.isEjected = true;
    server.isUnreported = true;
    server.stats.isEjected = 1;
    server.stats.serverEjectedAtUs = Date.now() * 1000;
    server.suspend(reason);
  }

  private readmit(why: string): void {
    const { server } = this;
    const { name, log, clock } = server;
    this.stopRetrying();
    if (this.isAlone) log.info({ server: name, why }, 'server readmitted by this worker alone');
    else log.debug({ server: name, why }, 'server readmitted');
    this.isEjected = false;
    this.isAlone = false;
    this.failuresInARow = 0;
    this.renewals.forget();
    server.stats.isEjected = 0;
    server.isUnreported = true;
    this.penalty.cameBack(clock.nowMs);
    // All of its connections were suspended, not only the one that asked.
    server.resume();
  }

  private stopWaiting(): void {
    if (this.verdictTimer !== null) clearTimeout(this.verdictTimer);
    this.verdictTimer = null;
  }

  private stopRetrying(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
  }

  private pauseMs(factor: number): number {
    const onceMs = Math.max(PROBE_PAUSE_MIN_MS, this.server.options.retryTimeoutMs);
    return Math.max(onceMs, Math.min(onceMs * factor, TOGGLING_PAUSE_MAX_MS));
  }

  private probeAfter(pauseMs: number): void {
    this.retryTimer = setTimeout(() => this.server.probe(), pauseMs);
    this.retryTimer.unref();
  }
}
