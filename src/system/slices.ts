import { setImmediate } from 'node:timers/promises';

/** Longer than this the control side keeps nobody waiting. */
const SLICE_MS = 3;

/** Long work of the control side, cut into slices: between them others are served. */
export class Slices {
  private startedAtMs = performance.now();

  /** To be awaited between two steps. */
  async next(): Promise<void> {
    if (performance.now() - this.startedAtMs < SLICE_MS) return;
    await setImmediate();
    this.startedAtMs = performance.now();
  }
}
