import { BackendStats, type PoolSnapshot, PoolStats, type WorkerSnapshot } from '../../src/figures/statistics.ts';

/** A worker's report with these pools. Figures of the process follow from `pid`, so that they differ between workers. */
export function workerSnapshot(pid: number, pools: readonly PoolSnapshot[], uptimeMs = 1000): WorkerSnapshot {
  return {
    pools,
    process: {
      pid,
      uptimeMs,
      residentBytes: pid * 1000,
      heapUsedBytes: pid * 100,
      externalBytes: pid * 10,
      heldBytes: pid,
      heldLimitBytes: 0,
      hasQuickAck: true,
      logLinesDropped: 0,
      logLinesHeldBack: 0,
      hasPolledSockets: true,
      cpuUserUs: pid * 1_000_000,
      cpuSystemUs: pid * 500_000,
      eventLoopUtilization: 0.25,
    },
  };
}

/** A pool with these figures, and zeros for the rest. */
export function poolSnapshot(
  name: string,
  stats: Partial<PoolStats>,
  backends: Readonly<Record<string, Partial<BackendStats>>> = {},
): PoolSnapshot {
  return {
    name,
    stats: Object.assign(new PoolStats(), stats),
    backends: Object.entries(backends).map(([server, figures]) => ({
      name: server,
      stats: Object.assign(new BackendStats(), figures),
    })),
  };
}
