import { setImmediate } from 'node:timers/promises';

/** Longer than this the control side keeps nobody waiting. */
const SLICE_MS = 3;

/** Long work of the control side, cut into slices: between them others are served. */
export class Slices {
  private startedAtMs = performance.now();

  /** Whether `next` would let others go on: for loops of many small steps, which then need not await each. */
  get isOver(): boolean {
    return performance.now() - this.startedAtMs >= SLICE_MS;
  }

  /** To be awaited between two steps. */
  async next(): Promise<void> {
    if (!this.isOver) return;
    await setImmediate();
    this.startedAtMs = performance.now();
  }
}
