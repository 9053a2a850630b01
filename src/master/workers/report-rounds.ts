/** How long is waited for fresh figures of the workers, unless said otherwise. */
const FRESH_WITHIN_MS = 100;

/** Whom to ask for figures. */
export interface Reporter {
  readonly index: number;
  /** False when there is nobody to ask. */
  ask(id: number): boolean;
}

/** Asks all workers for something, such as their figures, and waits for the answers, but not long. */
export class ReportRounds {
  private readonly rounds = new Map<number, { readonly missing: Set<number>; readonly end: () => void }>();
  private last = 0;
  private readonly withinMs: number;

  constructor(withinMs = FRESH_WITHIN_MS) {
    this.withinMs = withinMs;
  }

  /** Resolves when all that could be asked have answered, or in time; with those who have not. */
  ask(reporters: readonly Reporter[]): Promise<readonly number[]> {
    const id = ++this.last;
    const missing = new Set(reporters.filter(reporter => reporter.ask(id)).map(({ index }) => index));
    if (missing.size === 0) return Promise.resolve([]);
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer);
        this.rounds.delete(id);
        resolve([...missing]);
      };
      // Answers that came while this process was busy are read first.
      const timer = setTimeout(() => setImmediate(end), this.withinMs);
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
