import type { TrafficInsight } from '../../figures/traffic-insight.ts';
import type { Blocked } from '../../ipc/messages.ts';
import { ReportRounds } from './report-rounds.ts';
import { WorkerInsights } from './worker-insights.ts';
import type { WorkerProcess } from './worker-process.ts';
import type { WorkerSlots } from './worker-slots.ts';

/** Who blocks something is told when a worker has not said so by then. */
const BLOCKING_WITHIN_MS = 2000;

/** What all workers are asked, and how their answers are waited for. */
export class WorkerAnswers {
  private readonly slots: WorkerSlots;
  private readonly reports = new ReportRounds();
  private readonly blocks = new ReportRounds(BLOCKING_WITHIN_MS);
  private readonly insights = new WorkerInsights();

  constructor(slots: WorkerSlots) {
    this.slots = slots;
  }

  /** Resolves when the workers' figures have come, or soon anyway. */
  async untilReported(): Promise<void> {
    await this.slots.ask(this.reports, id => ({ type: 'report', id }));
  }

  /** With the slots of those that did not say in time that they block this. */
  untilBlocking(blocked: readonly Blocked[]): Promise<readonly number[]> {
    return this.slots.ask(this.blocks, id => ({ type: 'block', id, blocked }));
  }

  async traffic(): Promise<readonly TrafficInsight[]> {
    await this.slots.ask(this.insights.rounds, id => ({ type: 'insight', id }));
    return this.insights.all();
  }

  onReport(worker: WorkerProcess, id: number): void {
    this.reports.arrived(id, worker.slot);
  }

  onBlocking(worker: WorkerProcess, id: number): void {
    this.blocks.arrived(id, worker.slot);
  }

  onInsight(worker: WorkerProcess, id: number, pools: readonly TrafficInsight[]): void {
    this.insights.arrived(worker, id, pools);
  }

  gone(worker: WorkerProcess): void {
    this.reports.gone(worker.slot);
    this.blocks.gone(worker.slot);
    this.insights.gone(worker);
  }
}
