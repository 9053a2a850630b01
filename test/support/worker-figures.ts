import type { Totals } from '../../src/admin/totals.ts';
import { PoolSeries, type Series, ServerSeries } from '../../src/figures/series.ts';
import { BackendStats, type PoolSnapshot, PoolStats, type ProcessSnapshot } from '../../src/figures/statistics.ts';
import { ReportWriter } from '../../src/ipc/report-writer.ts';

/** What a worker counts at some moment. */
interface WorkerSnapshot {
  readonly pools: readonly PoolSnapshot[];
  readonly process: ProcessSnapshot;
}

/** A worker's end of its reports, and the figures that it reports on. */
class ReportingWorker {
  private readonly writer = new ReportWriter();
  private readonly figures = new Map<string, PoolStats | BackendStats>();

  report({ pools }: WorkerSnapshot): Buffer {
    this.writer.begin();
    for (const series of this.series(pools)) this.writer.add(series);
    this.writer.end();
    return Buffer.from(this.writer.take());
  }

  private *series(pools: readonly PoolSnapshot[]): Generator<Series> {
    for (const { name, stats, backends } of pools) {
      yield new PoolSeries(name, this.now([name], new PoolStats(), stats));
      for (const backend of backends) {
        const figures = this.now([name, backend.name], new BackendStats(), backend.stats);
        yield new ServerSeries(name, backend.name, figures, []);
      }
    }
  }

  private now<Stats extends PoolStats | BackendStats>(name: readonly string[], fresh: Stats, stats: Stats): Stats {
    const key = JSON.stringify(name);
    const figures = (this.figures.get(key) ?? fresh) as Stats;
    this.figures.set(key, figures);
    return Object.assign(figures, structuredClone(stats));
  }
}

const workers = new WeakMap<Totals, Map<number, ReportingWorker>>();

/** Has the worker with this id report to `totals` that it counts `snapshot` now. */
export function report(totals: Totals, id: number, snapshot: WorkerSnapshot, slot = id): void {
  const known = workers.get(totals) ?? new Map<number, ReportingWorker>();
  workers.set(totals, known);
  const worker = known.get(id) ?? new ReportingWorker();
  known.set(id, worker);
  totals.take(id, slot, worker.report(snapshot), snapshot.process);
}

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
