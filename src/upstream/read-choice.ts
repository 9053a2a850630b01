import type { MemoryHolder } from '../memory/memory-ceiling.ts';
import type { Backend } from './backend.ts';
import { LatencyProbe } from './latency-probe.ts';

export interface ReadOptions {
  readonly from: 'prefer_primary' | 'replica' | 'prefer_replica' | 'any' | 'nearest';
  /** Where no replica can answer what is for replicas alone, the primary does. */
  readonly fallsBack: boolean;
  /** Servers there are chosen first; null: none are. */
  readonly zone: string | null;
  /** Servers that are further away than the nearest by no more are as near. */
  readonly toleranceMs: number;
  /** A client that has written something reads from primaries for so long; 0: it does not. */
  readonly ownWritesMs: number;
}

/** A read that is kept in case another server has to be asked. */
export interface KeptRead {
  /** It lets go of its bytes. */
  forget(): void;
}

const PROBE_MS = 1000;
const NO_BACKENDS: readonly Backend[] = [];

/**
 * Which server answers a read: a primary or one of its replicas. One that is down, by the master's verdict or because no
 * connection to it comes about, is not chosen; those that are as good as each other take turns.
 */
export class ReadChoice implements MemoryHolder {
  readonly options: ReadOptions;
  memoryBytes = 0;
  readonly kept = new Set<KeptRead>();
  /** By the place of their primary. */
  private readonly replicas: readonly (readonly Backend[])[];
  private readonly probes: ReadonlyMap<Backend, LatencyProbe>;
  private readonly poolName: string;
  private probedAtMs = Number.NEGATIVE_INFINITY;
  private turns = 0;
  /** Of the read that is being placed. */
  private readonly candidates: Backend[] = [];

  /** `before`: what it takes the place of. */
  constructor(poolName: string, options: ReadOptions, backends: readonly Backend[], before: ReadChoice | null) {
    this.poolName = poolName;
    this.options = options;
    const groups = Map.groupBy(backends, backend => backend.options.primary ?? '');
    const primaries = backends.filter(backend => !backend.options.isReplica);
    this.replicas = primaries.map(({ name }) => groups.get(name) ?? NO_BACKENDS);
    const probed = options.from === 'nearest' ? backends : NO_BACKENDS;
    this.probes = new Map(probed.map(each => [each, before?.probes.get(each) ?? new LatencyProbe(each)]));
  }

  /** Who answers a read for keys of `primary`; null: nobody who may can. */
  pick(primary: Backend, variant: number): Backend | null {
    const { from, fallsBack } = this.options;
    if (from === 'prefer_primary' && isUsable(primary, variant)) return primary;
    const isOpenToAll = from === 'any' || from === 'nearest';
    this.gather(primary, variant, null, isOpenToAll);
    const chosen = from === 'nearest' ? this.nearest() : this.next();
    if (chosen !== null) return chosen;
    return from === 'replica' && !fallsBack ? null : primary;
  }

  /** Who may answer it where `failed` has not; null: nobody. */
  other(primary: Backend, failed: Backend, variant: number): Backend | null {
    const { from, fallsBack } = this.options;
    const isForReplicas = from === 'replica' && !fallsBack;
    if (!isForReplicas && failed !== primary && isUsable(primary, variant)) return primary;
    this.gather(primary, variant, failed, false);
    return this.next();
  }

  /** Once per tick of the worker's clock. */
  tick(nowMs: number): void {
    if (this.probes.size === 0 || nowMs - this.probedAtMs < PROBE_MS) return;
    this.probedAtMs = nowMs;
    for (const [backend, probe] of this.probes) if (isUsable(backend, 0)) probe.ask();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { pool: this.poolName, what: 'reads kept to be sent to another server' };
  }

  /** They can be sent nowhere else from now on. */
  shed(): void {
    for (const read of [...this.kept]) read.forget();
  }

  /** Fills `candidates` with those that can answer, in our zone if there is one. */
  private gather(primary: Backend, variant: number, failed: Backend | null, hasPrimary: boolean): void {
    const { candidates } = this;
    const { zone } = this.options;
    candidates.length = 0;
    if (hasPrimary && isUsable(primary, variant)) candidates.push(primary);
    for (const each of this.replicas[primary.place] ?? NO_BACKENDS) {
      if (each !== failed && isUsable(each, variant)) candidates.push(each);
    }
    if (zone === null) return;
    let near = 0;
    for (const each of candidates) if (each.options.zone === zone) candidates[near++] = each;
    if (near > 0) candidates.length = near;
  }

  private next(): Backend | null {
    const { candidates } = this;
    if (candidates.length === 0) return null;
    this.turns = (this.turns + 1) % 0x4000_0000;
    return candidates[this.turns % candidates.length] as Backend;
  }

  /** Leaves the nearest of `candidates` and those that are as near, and takes one of them. */
  private nearest(): Backend | null {
    const { candidates } = this;
    const nowMs = performance.now();
    let bestMs = Number.POSITIVE_INFINITY;
    for (const each of candidates) bestMs = Math.min(bestMs, this.roundTripMs(each, nowMs));
    let near = 0;
    const mostMs = bestMs + this.options.toleranceMs;
    for (const each of candidates) if (this.roundTripMs(each, nowMs) <= mostMs) candidates[near++] = each;
    candidates.length = near;
    return this.next();
  }

  private roundTripMs(backend: Backend, nowMs: number): number {
    return this.probes.get(backend)?.roundTripMs(nowMs) ?? Number.POSITIVE_INFINITY;
  }
}

function isUsable(backend: Backend, variant: number): boolean {
  return backend.isLive && backend.whyDown(variant) === null;
}
