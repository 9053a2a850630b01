import {
  BACKEND_FIELDS,
  BackendStats,
  type FailureCounts,
  POOL_FIELDS,
  type PoolSnapshot,
  PoolStats,
  type ProcessSnapshot,
  type StatKind,
  type WorkerSnapshot,
} from '../figures/statistics.ts';
import { FAILURE_REASONS } from '../request/failure.ts';

/** A pool as far as its figures are concerned; a `PoolConfig` is one. */
export interface PoolNames {
  readonly name: string;
  readonly servers: readonly { readonly name: string }[];
}

/** One living worker. */
export interface WorkerFigures {
  readonly slot: number;
  readonly process: ProcessSnapshot;
  /** Of all pools. */
  readonly clientConnections: number;
}

const RETIRED_KEPT = 1000;

/**
 * The sum over all workers of what they count.
 *
 *     worker slot 0 ── snapshot ──▶ ┌ per pool and server ┐
 *     worker slot 1 ── snapshot ──▶ │ counters: grown so far, by what each snapshot adds to the one before it
 *     …                             │ gauges: the sum of the last snapshots of living workers
 *                                   └ timestamps: the latest seen
 *
 * So counters never go back, whoever dies. The pools and servers are those of the config: they are there before a
 * worker has reported on them, and what a worker reports on others is left out.
 */
export class Totals {
  private entries: readonly PoolEntry[] = [];
  private readonly workersById = new Map<number, WorkerFigures>();
  /** The last process of each id that was retired: what it sent before its end may arrive after it. */
  private readonly retiredById = new Map<number, ProcessSnapshot>();

  constructor(pools: readonly PoolNames[]) {
    this.setPools(pools);
  }

  /** Takes over another config. Pools and servers that stay, by name, keep what they have counted. */
  setPools(pools: readonly PoolNames[]): void {
    const old = new Map(this.entries.map(entry => [entry.name, entry]));
    this.entries = pools
      .toSorted((a, b) => compareNames(a.name, b.name))
      .map(({ name, servers }) => {
        const entry = old.get(name) ?? new PoolEntry(name);
        entry.setServers(servers);
        return entry;
      });
  }

  /**
   * Takes in what a worker counts since it started. While a worker is being replaced two of them fill one slot, so
   * they are told apart by `id`.
   */
  update(id: number, snapshot: WorkerSnapshot, slot = id): void {
    const { process } = snapshot;
    const retired = this.retiredById.get(id);
    if (retired !== undefined && retired.pid === process.pid && process.uptimeMs >= retired.uptimeMs) return;
    const before = this.workersById.get(id);
    if (before !== undefined && before.process.pid !== process.pid) this.retire(id);

    const reported = new Map(snapshot.pools.map(pool => [pool.name, pool]));
    for (const entry of this.entries) entry.update(id, reported.get(entry.name));
    let clientConnections = 0;
    for (const { stats } of snapshot.pools) clientConnections += stats.clientConnections;
    this.workersById.set(id, { slot, process, clientConnections });
  }

  /** The worker is gone: its counters stay, its gauges and process figures vanish. */
  retire(id: number): void {
    const worker = this.workersById.get(id);
    if (worker === undefined) return;
    this.workersById.delete(id);
    this.retiredById.set(id, worker.process);
    // Ids may be new for each worker: only the latest can still have something on its way.
    for (const old of this.retiredById.keys()) {
      if (this.retiredById.size <= RETIRED_KEPT) break;
      this.retiredById.delete(old);
    }
    for (const entry of this.entries) entry.update(id, undefined);
  }

  /** Pools, and the servers of each, in twemproxy's order. */
  pools(): PoolSnapshot[] {
    return this.entries.map(entry => entry.total());
  }

  /** Living workers that have reported, by slot; of two in one slot the younger. */
  workers(): WorkerFigures[] {
    const bySlot = new Map([...this.workersById.values()].map(worker => [worker.slot, worker]));
    return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
  }
}

class PoolEntry {
  readonly name: string;
  private readonly tally = new Tally(POOL_FIELDS);
  private backends: readonly BackendEntry[] = [];

  constructor(name: string) {
    this.name = name;
  }

  setServers(servers: readonly { readonly name: string }[]): void {
    const old = new Map(this.backends.map(backend => [backend.name, backend]));
    const names = servers.map(({ name }) => name).sort(compareNames);
    this.backends = names.map(name => old.get(name) ?? new BackendEntry(name));
  }

  /** `pool`: undefined when the worker is dead or has no such pool. */
  update(slot: number, pool: PoolSnapshot | undefined): void {
    this.tally.update(slot, pool && { ...pool.stats });
    const reported = new Map(pool?.backends.map(({ name, stats }) => [name, stats]));
    for (const backend of this.backends) backend.update(slot, reported.get(backend.name));
  }

  total(): PoolSnapshot {
    const stats = Object.assign(new PoolStats(), this.tally.total());
    return { name: this.name, stats, backends: this.backends.map(backend => backend.total()) };
  }
}

/** By length in bytes, then by bytes, as twemproxy sorts its pools and servers. */
function compareNames(a: string, b: string): number {
  return Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const FAILURE_FIELDS = FAILURE_REASONS.map(field => ({ field, kind: 'counter' }) as const);

class BackendEntry {
  readonly name: string;
  private readonly tally = new Tally(BACKEND_FIELDS);
  private readonly failures = new Tally(FAILURE_FIELDS);

  constructor(name: string) {
    this.name = name;
  }

  update(slot: number, stats: BackendStats | undefined): void {
    if (stats === undefined) {
      this.tally.update(slot, undefined);
      this.failures.update(slot, undefined);
      return;
    }
    const { failures, ...numbers } = stats;
    this.tally.update(slot, numbers);
    this.failures.update(slot, failures);
  }

  total(): { readonly name: string; readonly stats: BackendStats } {
    const failures = this.failures.total() as FailureCounts;
    return { name: this.name, stats: Object.assign(new BackendStats(), this.tally.total(), { failures }) };
  }
}

type Numbers = Record<string, number>;

/** The sum over worker slots of one set of fields. */
class Tally {
  private readonly fields: readonly { readonly field: string; readonly kind: StatKind }[];
  /** Counters and timestamps. */
  private readonly kept: Numbers = {};
  private readonly lastBySlot = new Map<number, Numbers>();

  constructor(fields: readonly { readonly field: string; readonly kind: StatKind }[]) {
    this.fields = fields;
    for (const { field } of fields) this.kept[field] = 0;
  }

  /** `now`: undefined when the slot has nothing to say any more. */
  update(slot: number, now: Numbers | undefined): void {
    if (now === undefined) {
      this.lastBySlot.delete(slot);
      return;
    }
    const last = this.lastBySlot.get(slot);
    for (const { field, kind } of this.fields) {
      const value = now[field]!;
      const before = last?.[field] ?? 0;
      // A counter below its last value has begun anew, as after a pool was built again.
      if (kind === 'counter') this.kept[field]! += value >= before ? value - before : value;
      else if (kind === 'timestamp') this.kept[field] = Math.max(this.kept[field]!, value);
    }
    this.lastBySlot.set(slot, now);
  }

  total(): Numbers {
    const total = { ...this.kept };
    for (const { field, kind } of this.fields) {
      if (kind !== 'gauge') continue;
      for (const last of this.lastBySlot.values()) total[field]! += last[field]!;
    }
    return total;
  }
}
