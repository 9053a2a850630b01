import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** So many servers' objects, some 2 KB each, are moved in 1–4 ms. */
const MOVED_AT_ONCE = 1000;
/** A heap of 400 MB is marked in 0.5–1 s, little by little. */
const MARKING_MAX_MS = 3000;
const LOOK_AGAIN_MS = 5;

interface GcEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

/**
 * Objects that stay, made by the thousand beside clients. V8 moves whatever is alive when the young generation is full,
 * which is tens of megabytes of them and stops clients for 50–100 ms; so they are moved portion by portion. While V8 marks
 * the old ones none are made: it would mark all the rest at once, 100–250 ms, to collect young ones first.
 */
export class LastingObjects {
  private young = 0;
  private markedSinceMs: number | null = null;
  private observer: PerformanceObserver | null = null;

  /** Those of so many servers were made; resolves when more may be. */
  async made(servers: number): Promise<void> {
    this.young += servers;
    if (this.young < MOVED_AT_ONCE) return;
    this.young = 0;
    this.watch();
    // So that the observer hears what happened meanwhile.
    await setImmediate();
    while (this.markedSinceMs !== null && performance.now() - this.markedSinceMs < MARKING_MAX_MS) {
      await setTimeout(LOOK_AGAIN_MS);
    }
    globalThis.gc?.({ type: 'minor', execution: 'sync' });
  }

  /** There are no more. `isServing`: beside clients; else what making so many left behind is collected before there are any. */
  end(isServing: boolean): void {
    if (this.observer === null) return;
    this.observer.disconnect();
    this.observer = null;
    if (!isServing) globalThis.gc?.();
  }

  private watch(): void {
    if (this.observer !== null) return;
    this.observer = new PerformanceObserver(list => {
      for (const entry of list.getEntries()) {
        const { kind } = (entry as GcEntry).detail;
        if (kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL) this.markedSinceMs = performance.now();
        else if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.markedSinceMs = null;
      }
    });
    this.observer.observe({ entryTypes: ['gc'] });
  }
}
