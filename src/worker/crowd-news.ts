import type { Crowd } from '../upstream/crowd.ts';

/** The master waits for a shorter time; one that does not answer at all is waited for no longer than this. */
const TOLD_WITHIN_MS = 2000;

/** What of this worker's crowds the other workers are being told. */
export class CrowdNews {
  private readonly pending = new Map<number, () => void>();
  private last = 0;
  private readonly send: (id: number, pool: string, crowds: readonly Crowd[]) => void;

  constructor(send: (id: number, pool: string, crowds: readonly Crowd[]) => void) {
    this.send = send;
  }

  /** See `TellCrowds`. */
  tell(pool: string, crowds: readonly Crowd[], then: () => void): void {
    const id = ++this.last;
    const timer = setTimeout(() => setImmediate(() => this.told(id)), TOLD_WITHIN_MS);
    this.pending.set(id, () => {
      clearTimeout(timer);
      then();
    });
    this.send(id, pool, crowds);
  }

  told(id: number): void {
    const then = this.pending.get(id);
    this.pending.delete(id);
    then?.();
  }
}
