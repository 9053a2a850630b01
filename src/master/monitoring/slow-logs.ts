import { SlowLog, type SlowLogEntry, type SlowRequest } from '../../figures/slow-request.ts';
import type { ToMaster } from '../../ipc/messages.ts';

/** A pool as far as its slow log is concerned; a `PoolConfig` is one. */
export interface SlowLogPool {
  readonly name: string;
  readonly slowlogLength: number;
}

/** Tells the workers what came to a pool's slow log; `isWhole`: it has nothing else. */
export type TellSlowLog = (pool: string, entries: readonly SlowLogEntry[], isWhole: boolean) => void;

/**
 * The slow requests of all workers, by pool: numbered in the order they are reported, and told to every worker, since a client
 * may ask any of them.
 */
export class SlowLogs {
  private logs = new Map<string, SlowLog>();
  private ids = 0;
  private readonly tell: TellSlowLog;

  constructor(pools: readonly SlowLogPool[], tell: TellSlowLog) {
    this.tell = tell;
    this.setPools(pools);
  }

  /** Pools that stay, by name, keep theirs. */
  setPools(pools: readonly SlowLogPool[]): void {
    const old = this.logs;
    this.logs = new Map(pools.map(({ name, slowlogLength }) => [name, old.get(name) ?? new SlowLog(slowlogLength)]));
    for (const { name, slowlogLength } of pools) this.logs.get(name)!.setCapacity(slowlogLength);
  }

  /** Tells all of it: pools may have other names and lengths now. */
  tellAll(): void {
    for (const [pool, entries] of this.all()) this.tell(pool, entries, true);
  }

  receive(worker: number, message: Extract<ToMaster, { readonly type: 'slow' | 'clearSlowlog' }>): void {
    if (message.type === 'slow') this.add(worker, message.requests);
    else this.clear(message.pool);
  }

  /** Takes in what the worker of slot `worker` has found; of pools that are gone nothing is kept. */
  add(worker: number, requests: readonly SlowRequest[]): void {
    for (const [pool, ofPool] of Map.groupBy(requests, request => request.pool)) {
      const log = this.logs.get(pool);
      if (log === undefined) continue;
      const entries = ofPool.map(request => ({ ...request, worker, id: this.ids++ }));
      log.add(entries);
      this.tell(pool, entries, false);
    }
  }

  clear(pool: string): void {
    this.logs.get(pool)?.clear();
    this.tell(pool, [], true);
  }

  /** What a new worker has to know. */
  all(): ReadonlyMap<string, readonly SlowLogEntry[]> {
    return new Map([...this.logs].map(([pool, log]) => [pool, log.all()]));
  }

  /** The newest `count` of a pool, or of all; the newest first. Undefined: there is no such pool. */
  newest(pool: string | null, count: number): SlowLogEntry[] | undefined {
    if (pool !== null) return this.logs.get(pool)?.newest(count);
    return [...this.logs.values()]
      .flatMap(log => log.newest(count))
      .sort((a, b) => b.id - a.id)
      .slice(0, count);
  }
}
