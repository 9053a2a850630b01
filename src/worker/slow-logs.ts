import type { PoolConfig } from '../config/config.ts';
import { SlowLog, type SlowLogEntry } from '../figures/slow-request.ts';

/** As long as its pool is not known; it can be set to no more. */
const CAPACITY_MAX = 10_000;

/** The slow logs that clients read, which have entries of all workers; also of pools to come. */
export class SlowLogs {
  private readonly logs = new Map<string, SlowLog>();

  of(pool: string): SlowLog {
    let log = this.logs.get(pool);
    if (log === undefined) {
      log = new SlowLog(CAPACITY_MAX);
      this.logs.set(pool, log);
    }
    return log;
  }

  /** There are these pools, and no others. */
  setPools(pools: readonly PoolConfig[]): void {
    const names = new Set(pools.map(({ name }) => name));
    for (const name of this.logs.keys()) if (!names.has(name)) this.logs.delete(name);
    for (const { name, slowlogLength } of pools) this.of(name).setCapacity(slowlogLength);
  }

  /** `isWhole`: the pool's log has no others. */
  add(pool: string, entries: readonly SlowLogEntry[], isWhole: boolean): void {
    const log = this.of(pool);
    if (isWhole) log.clear();
    log.add(entries);
  }
}
