import type { PoolConfig } from '../config/config.ts';

/** Deadlines are checked this often, at most: a tenth of the shortest timeout, within these bounds. */
const TICK_MIN_MS = 5;
const TICK_MAX_MS = 100;

/** How often deadlines of these pools are checked. */
export function tickPeriodMs(pools: readonly PoolConfig[]): number {
  const shortestMs = Math.min(
    ...pools
      .flatMap(pool => [pool.timeoutMs, pool.queueTimeoutMs, pool.connectTimeoutMs])
      .filter(ms => ms > 0)
      .map(ms => ms / 10),
  );
  return Math.min(TICK_MAX_MS, Math.max(TICK_MIN_MS, shortestMs));
}
