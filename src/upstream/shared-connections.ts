import type { BackendStats } from '../figures/statistics.ts';
import type { HolderVisit } from '../memory/memory-ceiling.ts';
import type { FailureReason } from '../request/failure.ts';
import { BackendConnection } from './backend-connection.ts';
import type { ConnectionOwner } from './connection-host.ts';
import type { ReplyStream, StreamMark } from './reply-stream.ts';

/** Connections of a variant that few clients need are closed after so long without a request. */
const UNUSED_MS = 60_000;

/**
 * The connections of one backend that all clients of a worker share: for each `Session.variant` as many as the pool has
 * `server_connections`. Those of a variant are made when the first client needs them: of thousands of servers most are never
 * asked anything. Each opens with the first request of a client that it serves. Those of variants that few clients need are
 * closed once none has for a while.
 *
 * They come in generations. A client may be served by another connection than before when they are made anew, so what was
 * sent on the old ones is answered before anything leaves on the new ones: nobody's requests overtake each other.
 *
 *   connections, generation n ─ replace ─▶ retiring: answer what is inflight, then close
 *                                            └─ the last one of a variant is closed: generation n + 1 is released
 */
export class SharedConnections {
  private readonly owner: ConnectionOwner<BackendConnection>;
  private readonly byVariant: BackendConnection[][];
  private readonly retiring = new Set<BackendConnection>();
  /** Variants below keep their connections. */
  private readonly permanent: number;
  /** When a client last needed a variant, on the worker's clock; of those that are not permanent. */
  private readonly usedAtMs: number[] = [];
  /** Of each variant. */
  private count: number;
  private generation = 0;
  /** Clients ask for more than what is plain: once one has, all connections are made so. */
  private isDemanding = false;
  /** Requests on all of them are refused, also on those to come; null: they are not. */
  private suspendedFor: FailureReason | null = null;
  private isClosed = false;

  constructor(owner: ConnectionOwner<BackendConnection>) {
    this.owner = owner;
    const { protocol, connections } = owner.options;
    this.permanent = protocol.variants;
    this.byVariant = Array.from({ length: protocol.variants }, () => []);
    this.count = connections;
  }

  /** Some still answer what is inflight on them. */
  get isRetiring(): boolean {
    return this.retiring.size > 0;
  }

  /** There will be no others: nothing can be asked of the server any more. */
  get isGivenUp(): boolean {
    return this.count === 0;
  }

  /** All are retired, and there will be no others. */
  get isEmpty(): boolean {
    return this.count === 0 && this.retiring.size === 0 && this.byVariant.every(set => set.length === 0);
  }

  /** The one that probes use; null when all are retired. */
  get first(): BackendConnection | null {
    return this.made(0)[0] ?? null;
  }

  /** The connection that serves a client: always the same, whatever their number, so that its requests keep their order. */
  of(clientId: number, variant: number): BackendConnection {
    let connections = this.byVariant[variant];
    if (variant >= this.permanent || connections?.length === 0) connections = this.made(variant);
    connections = connections as BackendConnection[];
    return (
      connections.length === 1 ? connections[0] : connections[clientId % connections.length]
    ) as BackendConnection;
  }

  /** Why requests of this variant fail at once; null: they don't. */
  whyDown(variant: number): FailureReason | null {
    const first = this.byVariant[variant]?.[0];
    return first === undefined ? this.suspendedFor : first.whyDown;
  }

  /** For so long nothing has come on some connection, though a reply was due. */
  silentMs(nowMs: number): number {
    let longestMs = 0;
    for (const set of this.byVariant) {
      for (const connection of set) longestMs = Math.max(longestMs, connection.stream.silentMs(nowMs));
    }
    return longestMs;
  }

  /** Stands for all that was sent so far on them: true once that is answered, or never will be. */
  barrier(): () => boolean {
    let open: [ReplyStream, StreamMark][] = [];
    for (const { stream } of [...this.byVariant.flat(), ...this.retiring]) {
      const mark = stream.mark();
      if (mark !== null) open.push([stream, mark]);
    }
    return () => {
      open = open.filter(([stream, mark]) => !stream.isPast(mark));
      return open.length === 0;
    };
  }

  /** From now on `count` of each variant. */
  setCount(count: number): void {
    if (this.count !== count) this.replace(count);
  }

  /** Those of a variant that somebody needs; none when all are retired. */
  private made(variant: number): BackendConnection[] {
    if (variant >= this.permanent) this.usedAtMs[variant] = this.owner.clock.nowMs;
    while (this.byVariant.length <= variant) this.byVariant.push([]);
    const set = this.byVariant[variant] as BackendConnection[];
    if (set.length > 0) return set;
    this.make(variant, this.count);
    this.releaseHeld();
    return set;
  }

  private make(variant: number, count: number): void {
    const set = this.byVariant[variant] as BackendConnection[];
    while (set.length < count) {
      const connection = new BackendConnection(this.owner, variant, this.generation, this.isDemanding);
      if (this.isClosed) connection.close();
      else if (this.suspendedFor !== null) connection.suspend(this.suspendedFor);
      set.push(connection);
    }
  }

  /** Nobody has asked anything on them for long, and all is answered. */
  private closeUnused(nowMs: number): void {
    for (let variant = this.permanent; variant < this.byVariant.length; variant++) {
      const set = this.byVariant[variant] as BackendConnection[];
      if (set.length === 0 || nowMs - (this.usedAtMs[variant] ?? 0) < UNUSED_MS) continue;
      if (!set.every(connection => connection.isAsleep)) continue;
      for (const connection of set) connection.close();
      set.length = 0;
    }
  }

  /** Makes them all anew, `count` of each variant. */
  replace(count: number): void {
    const old = this.byVariant.flat();
    this.generation++;
    this.count = count;
    for (const [variant, set] of this.byVariant.entries()) {
      const isMade = set.length > 0;
      set.length = 0;
      if (isMade) this.make(variant, count);
    }
    for (const connection of old) this.retiring.add(connection);
    for (const connection of old) connection.retire();
    this.releaseHeld();
  }

  /** Makes them all anew so that all kinds of replies can be asked for; the one that takes the place of `connection`. */
  demand(connection: BackendConnection): BackendConnection {
    const set = this.byVariant[connection.variant] as BackendConnection[];
    const index = set.indexOf(connection);
    this.isDemanding = true;
    this.replace(set.length);
    return set[Math.max(0, index)] as BackendConnection;
  }

  /** It was to retire, and is closed. */
  retired(connection: BackendConnection): void {
    this.retiring.delete(connection);
    this.releaseHeld();
  }

  /** Opens those that most clients need, ahead of the first request. */
  preconnect(): void {
    for (const connection of this.made(0)) connection.preconnect();
  }

  /** Nothing on them has a deadline. */
  get isAsleep(): boolean {
    if (this.retiring.size > 0) return false;
    // Those that are not permanent close when nobody uses them.
    for (let i = this.permanent; i < this.byVariant.length; i++) if (this.byVariant[i]!.length > 0) return false;
    for (const set of this.byVariant) for (const connection of set) if (!connection.isAsleep) return false;
    return true;
  }

  checkDeadlines(nowMs: number): void {
    for (const set of this.byVariant) for (const connection of set) connection.checkDeadline(nowMs);
    for (const connection of this.retiring) connection.checkDeadline(nowMs);
    this.closeUnused(nowMs);
  }

  /** Refuses requests on all of them. */
  suspend(reason: FailureReason): void {
    this.suspendedFor = reason;
    for (const connection of [...this.byVariant.flat(), ...this.retiring]) connection.suspend(reason);
  }

  /** Ends `suspend`, and the wait of those that are down. */
  resume(): void {
    this.suspendedFor = null;
    for (const connection of this.byVariant.flat()) connection.resume();
  }

  close(): void {
    this.isClosed = true;
    for (const connection of this.byVariant.flat()) connection.close();
    for (const connection of this.retiring) connection.close();
    this.retiring.clear();
  }

  eachHolder(visit: HolderVisit): void {
    for (const set of this.byVariant) for (const connection of set) visit(connection);
    for (const connection of this.retiring) visit(connection);
  }

  /** Brings the gauges of the backend's figures up to date. */
  measure(stats: BackendStats): void {
    stats.inQueue = 0;
    stats.inQueueBytes = 0;
    stats.outQueue = 0;
    stats.outQueueBytes = 0;
    for (const connection of this.byVariant.flat()) connection.measure(stats);
  }

  private releaseHeld(): void {
    const retiring = [...this.retiring];
    for (const connection of [...retiring, ...this.byVariant.flat()]) {
      if (!connection.isHeld) continue;
      const { variant, generation } = connection;
      if (!retiring.some(old => old.variant === variant && old.generation < generation)) connection.release();
    }
  }
}
