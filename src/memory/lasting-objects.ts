import { HeapMarking } from './heap-marking.ts';

/** So many servers' objects, some 2 KB each, are moved in 1–4 ms. */
export const MOVED_AT_ONCE = 1000;
/** V8's marking is waited for so long in all, and once more: the master waits for the worker, for 3 s. */
const WAITED_MAX_MS = 1000;

/**
 * Objects that stay, made by the thousand beside clients. V8 moves whatever is alive when the young generation is full,
 * which is tens of megabytes of them and stops clients for 50–100 ms; so they are moved portion by portion. While V8 marks
 * the old ones none are made: it would mark all the rest at once, 100–250 ms, to collect young ones first.
 */
export class LastingObjects {
  private young = 0;
  private isWatching = false;
  private waitedMs = 0;
  private readonly marking: Pick<HeapMarking, 'watch' | 'unwatch' | 'isOver'>;

  constructor(marking: Pick<HeapMarking, 'watch' | 'unwatch' | 'isOver'> = new HeapMarking()) {
    this.marking = marking;
  }

  /** Those of so many servers were made; resolves when more may be. */
  async made(servers: number): Promise<void> {
    this.young += servers;
    if (this.young < MOVED_AT_ONCE) return;
    this.young = 0;
    if (!this.isWatching) this.marking.watch();
    this.isWatching = true;
    if (this.waitedMs < WAITED_MAX_MS) {
      const fromMs = performance.now();
      await this.marking.isOver();
      this.waitedMs += performance.now() - fromMs;
    }
    globalThis.gc?.({ type: 'minor', execution: 'sync' });
  }

  /** There are no more. `isServing`: beside clients; else what making so many left behind is collected before there are any. */
  end(isServing: boolean): void {
    if (!this.isWatching) return;
    this.isWatching = false;
    this.marking.unwatch();
    if (!isServing) globalThis.gc?.();
  }
}
