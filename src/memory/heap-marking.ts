import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** A heap of 400 MB is marked in 0.5–1 s, little by little. */
const MARKING_MAX_MS = 1000;
const LOOK_AGAIN_MS = 5;
/** Node tells observers some turns later. */
const OBSERVED_AFTER_TURNS = 3;

interface GcEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

/** Sees whether V8 is marking the heap, little by little, for a collection of all of it. */
export class HeapMarking {
  private sinceMs: number | null = null;
  private readonly observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as GcEntry).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL) this.sinceMs = performance.now();
      else if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.sinceMs = null;
    }
  });

  /** One that has begun before is not seen. */
  watch(): void {
    this.observer.observe({ entryTypes: ['gc'] });
  }

  unwatch(): void {
    this.observer.disconnect();
    this.sinceMs = null;
  }

  get isGoingOn(): boolean {
    return this.sinceMs !== null && performance.now() - this.sinceMs < MARKING_MAX_MS;
  }

  /** Resolves when none is going on, or one takes too long. */
  async isOver(): Promise<void> {
    for (let turn = 0; turn < OBSERVED_AFTER_TURNS; turn++) await setImmediate();
    while (this.isGoingOn) await setTimeout(LOOK_AGAIN_MS);
  }
}
