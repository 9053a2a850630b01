import { setImmediate } from 'node:timers/promises';

/** Longer than this the control side does not keep clients waiting. */
const SLICE_MS = 3;

/** Long work of the control side in a worker, cut into slices: between them clients are served. */
export class Slices {
  private startedAtMs = performance.now();

  /** To be awaited between two steps. */
  async next(): Promise<void> {
    if (performance.now() - this.startedAtMs < SLICE_MS) return;
    await setImmediate();
    this.startedAtMs = performance.now();
  }
}
