import type { ToWorker } from '../../ipc/messages.ts';
import type { Log } from '../../system/log.ts';
import type { ReportRounds } from './report-rounds.ts';
import type { WorkerProcess } from './worker-process.ts';
import { WorkerSlot, type WorkerSlotHost } from './worker-slot.ts';

/** All worker slots: those that are filled, and those that a reload took away, until they are empty. */
export class WorkerSlots {
  /** By index. */
  current: readonly WorkerSlot[] = [];
  private readonly removed = new Set<WorkerSlot>();
  private restartsInRemoved = 0;
  private hangsInRemoved = 0;
  private readonly host: WorkerSlotHost;

  constructor(host: WorkerSlotHost) {
    this.host = host;
  }

  all(): readonly WorkerSlot[] {
    return [...this.current, ...this.removed];
  }

  get areEmpty(): boolean {
    return this.all().every(slot => slot.isEmpty);
  }

  /** Workers that took the place of another, ever. */
  restarts(): number {
    return this.all().reduce((sum, slot) => sum + slot.restarts, this.restartsInRemoved);
  }

  /** Workers killed because they hung, ever. */
  hangs(): number {
    return this.all().reduce((sum, slot) => sum + slot.hangs, this.hangsInRemoved);
  }

  *processes(): Iterable<WorkerProcess> {
    for (const slot of this.all()) yield* slot.processes();
  }

  onHang(worker: WorkerProcess): void {
    for (const slot of this.all()) if ([...slot.processes()].includes(worker)) slot.onHang(worker);
  }

  /** Fills more slots, up to `count`. */
  growTo(count: number): void {
    while (this.current.length < count) {
      const slot = new WorkerSlot(this.current.length, this.host);
      this.current = [...this.current, slot];
      slot.start();
    }
  }

  /** Takes those over `count` away; returns them, to be told to drain. */
  shrinkTo(count: number): readonly WorkerSlot[] {
    const removed = this.current.slice(count);
    this.current = this.current.slice(0, count);
    return removed;
  }

  /** Lets a slot that was taken away finish. */
  drainRemoved(slot: WorkerSlot): void {
    this.removed.add(slot);
    slot.drain();
  }

  /** Some worker is gone: forgets the slots that were taken away and are empty now. */
  forgetEmpty(): void {
    for (const slot of this.removed) {
      if (!slot.isEmpty) continue;
      this.removed.delete(slot);
      this.restartsInRemoved += slot.restarts;
      this.hangsInRemoved += slot.hangs;
    }
  }

  /** To every worker there is, also to those that leave. */
  broadcast(message: ToWorker): void {
    for (const slot of this.all()) slot.send(message);
  }

  /** Asks those that serve for something; resolves with the slots of those that have not answered in time. */
  ask(rounds: ReportRounds, message: (id: number) => ToWorker): Promise<readonly number[]> {
    const serving = this.current.filter(slot => slot.isServing);
    return rounds.ask(serving.map(slot => ({ index: slot.index, ask: id => slot.send(message(id)) })));
  }

  killRemaining(log: Log): void {
    for (const slot of this.all()) {
      if (slot.isEmpty) continue;
      log.warn({ slot: slot.index }, 'worker did not end within shutdown_timeout: killed');
      slot.kill();
    }
  }
}
