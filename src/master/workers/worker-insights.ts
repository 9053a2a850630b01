import type { TrafficInsight } from '../../figures/traffic-insight.ts';
import { ReportRounds } from './report-rounds.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What the workers say of their traffic: hot keys, large values, busy clients. */
export class WorkerInsights {
  /** Asks the workers for it. */
  readonly rounds = new ReportRounds();
  /** What each living worker said last, by its id. */
  private readonly said = new Map<number, readonly TrafficInsight[]>();

  /** The answer of a worker to round `id`. */
  arrived(worker: WorkerProcess, id: number, pools: readonly TrafficInsight[]): void {
    this.said.set(worker.id, pools);
    this.rounds.arrived(id, worker.slot);
  }

  gone(worker: WorkerProcess): void {
    this.said.delete(worker.id);
    this.rounds.gone(worker.slot);
  }

  all(): readonly TrafficInsight[] {
    return [...this.said.values()].flat();
  }
}
