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

/** Work that says after each step that others may go on; what it comes to is returned. */
export type Steps<T> = Generator<void, T, void>;

/** Does work step by step; others are served in between. Rejects with what it throws. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  const slices = new Slices();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (slices.isOver) await slices.next();
  }
}

/** The same work while nothing else happens. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
