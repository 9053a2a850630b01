import type { HolderVisit } from '../memory/memory-ceiling.ts';
import type { FailureReason } from '../request/failure.ts';
import type { ConnectionHost } from './connection-host.ts';
import { PrivateConnection, type PrivateConnectionUser } from './private-connection.ts';

/** Who wants a private connection. Called once, by one of the two, perhaps before `acquire` returns. */
export interface PrivateConnectionWaiter extends PrivateConnectionUser {
  readonly variant: number;
  onConnection(connection: PrivateConnection): void;
  onRefused(reason: FailureReason): void;
}

/** A connection that nobody needs stays open for so long. */
const IDLE_MAX_MS = 60_000;

/** Where nobody has set another bound, none waits for longer. */
const WAIT_MAX_MS = 10_000;

interface Waiting {
  readonly waiter: PrivateConnectionWaiter;
  readonly sinceMs: number;
}

/**
 * The private connections of one backend in this worker, at most `privateConnections` of them:
 *
 *   acquire ─▶ an idle one │ a new one │ all are taken: wait, `queueTimeout` at most, first come first served
 *                ▲                                        │
 *                └── release: clean, and nobody waits ◀───┴── release, or the end of one: the next who waits
 */
export class PrivateConnections {
  private readonly host: ConnectionHost;
  private readonly inUse = new Set<PrivateConnection>();
  /** The one given back last is used first, so that the others grow old. */
  private readonly idle: PrivateConnection[] = [];
  private waiting: Waiting[] = [];
  /** Nobody is given one any more. */
  private isClosed = false;
  private isServing = false;
  private readonly onEmpty: () => void;

  /** `onEmpty`: called after `retire`, when the last one in use is gone. */
  constructor(host: ConnectionHost, onEmpty: () => void) {
    this.host = host;
    this.onEmpty = onEmpty;
  }

  get countInUse(): number {
    return this.inUse.size;
  }

  /** There are none, and nobody waits for one. */
  get isEmpty(): boolean {
    return this.inUse.size === 0 && this.idle.length === 0 && this.waiting.length === 0;
  }

  /** Gives `waiter` a connection of its variant, now or later, or refuses it. */
  acquire(waiter: PrivateConnectionWaiter): void {
    const { options } = this.host;
    if (this.isClosed) this.refuse(waiter, 'no_backend');
    else if (this.waiting.length === 0 && this.serve(waiter)) return;
    else if (this.waiting.length >= options.maxInflight) this.refuse(waiter, 'no_private_connection');
    else this.waiting.push({ waiter, sinceMs: this.host.clock.nowMs });
  }

  /** `waiter` has left, and hears nothing any more. */
  cancel(waiter: PrivateConnectionWaiter): void {
    this.waiting = this.waiting.filter(each => each.waiter !== waiter);
  }

  /**
   * Its user has done with it. `isClean`: the server keeps nothing for it any more, so another may have it; else, or when
   * a reply is still to come, it is closed.
   */
  release(connection: PrivateConnection, isClean: boolean): void {
    // It was lost, and is no longer ours.
    if (!this.inUse.has(connection)) return;
    if (!isClean || !connection.isQuiet || this.isClosed) {
      connection.close();
      return;
    }
    connection.user = null;
    connection.idleSinceMs = this.host.clock.nowMs;
    this.inUse.delete(connection);
    this.idle.push(connection);
    this.serveWaiting();
  }

  /** Once per tick of the worker's clock. */
  checkDeadlines(nowMs: number): void {
    for (const connection of this.inUse) connection.checkDeadline(nowMs);
    while (this.idle.length > 0 && nowMs - (this.idle[0] as PrivateConnection).idleSinceMs >= IDLE_MAX_MS) {
      (this.idle[0] as PrivateConnection).close();
    }
    const { queueTimeoutMs, timeoutMs } = this.host.options;
    const waitMs = queueTimeoutMs > 0 ? queueTimeoutMs : timeoutMs > 0 ? timeoutMs : WAIT_MAX_MS;
    while (this.waiting.length > 0 && nowMs - (this.waiting[0] as Waiting).sinceMs >= waitMs) {
      this.refuse((this.waiting.shift() as Waiting).waiter, 'no_private_connection');
    }
  }

  /** Ends all of them, and refuses those who wait; new ones are made when somebody asks. */
  cutAll(reason: FailureReason): void {
    const { waiting } = this;
    this.waiting = [];
    for (const connection of [...this.idle]) connection.close();
    for (const connection of [...this.inUse]) connection.cut(reason);
    for (const { waiter } of waiting) this.refuse(waiter, reason);
  }

  /** The name may stand for another server by now: those that are free go, the others once they are given back. */
  renew(): void {
    for (const connection of [...this.idle]) connection.close();
    for (const connection of this.inUse) connection.isOutdated = true;
  }

  /** Refuses whoever waits or comes; those in use go on until their users have done with them. */
  retire(): void {
    this.isClosed = true;
    const { waiting } = this;
    this.waiting = [];
    for (const connection of [...this.idle]) connection.close();
    for (const { waiter } of waiting) this.refuse(waiter, 'no_backend');
  }

  /** Ends all of them, and refuses whoever comes. */
  close(): void {
    this.isClosed = true;
    this.cutAll('no_backend');
  }

  eachHolder(visit: HolderVisit): void {
    for (const connection of this.inUse) visit(connection);
  }

  /** Brings the gauges of the backend's figures up to date. */
  measure(): void {
    const { stats } = this.host;
    stats.privateInUse = this.inUse.size;
    stats.privateWaiting = this.waiting.length;
  }

  private readonly gone = (connection: PrivateConnection): void => {
    this.inUse.delete(connection);
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
    this.serveWaiting();
    if (this.isClosed && this.inUse.size === 0) this.onEmpty();
  };

  /** Whoever gets one may give it back at once, or lose it. */
  private serveWaiting(): void {
    if (this.isServing) return;
    this.isServing = true;
    while (this.waiting.length > 0 && !this.isClosed && this.serve((this.waiting[0] as Waiting).waiter));
    this.isServing = false;
  }

  /** False: all are taken. */
  private serve(waiter: PrivateConnectionWaiter): boolean {
    const connection = this.take(waiter.variant);
    if (connection === null) return false;
    if (this.waiting[0]?.waiter === waiter) this.waiting.shift();
    connection.user = waiter;
    this.inUse.add(connection);
    waiter.onConnection(connection);
    return true;
  }

  private take(variant: number): PrivateConnection | null {
    const { idle, host } = this;
    for (let i = idle.length - 1; i >= 0; i--) {
      if (idle[i]?.variant === variant) return idle.splice(i, 1)[0] as PrivateConnection;
    }
    const limit = host.options.privateConnections;
    // One that speaks another version makes room.
    if (this.inUse.size + idle.length >= limit && this.inUse.size < limit) {
      const oldest = idle.shift();
      oldest?.close();
    }
    if (this.inUse.size + idle.length >= limit) return null;
    return new PrivateConnection(host, variant, this.gone);
  }

  private refuse(waiter: PrivateConnectionWaiter, reason: FailureReason): void {
    this.host.stats.privateRefused++;
    waiter.onRefused(reason);
  }
}
