/** How long is waited for fresh figures of the workers. */
const FRESH_WITHIN_MS = 100;

/** Whom to ask for figures. */
export interface Reporter {
  readonly index: number;
  /** False when there is nobody to ask. */
  ask(id: number): boolean;
}

/** Asks all workers for their figures and waits for them, but not long. */
export class ReportRounds {
  private readonly rounds = new Map<number, { readonly missing: Set<number>; readonly end: () => void }>();
  private last = 0;

  /** Resolves when all that could be asked have reported, or after 100 ms. */
  ask(reporters: readonly Reporter[]): Promise<void> {
    const id = ++this.last;
    const missing = new Set(reporters.filter(reporter => reporter.ask(id)).map(({ index }) => index));
    if (missing.size === 0) return Promise.resolve();
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer);
        this.rounds.delete(id);
        resolve();
      };
      const timer = setTimeout(end, FRESH_WITHIN_MS);
      this.rounds.set(id, { missing, end });
    });
  }

  /** The report of round `id` came from worker slot `index`. */
  arrived(id: number, index: number): void {
    const round = this.rounds.get(id);
    if (round === undefined) return;
    round.missing.delete(index);
    if (round.missing.size === 0) round.end();
  }

  /** The worker of slot `index` is gone: nobody need wait for it. */
  gone(index: number): void {
    for (const id of this.rounds.keys()) this.arrived(id, index);
  }
}
