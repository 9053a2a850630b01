/** What became of a request. */
export type Outcome =
  /** Answered, every byte as it must be. */
  | 'right'
  /** Answered with an error that says why. */
  | 'failed'
  /** The connection was closed on the client. */
  | 'closed'
  /** The client left before it had the answer. */
  | 'abandoned'
  /** Sent as noreply: there is no answer. */
  | 'silent'
  /** Answered with something else. */
  | 'wrong'
  /** No answer in time, on a connection that is open. */
  | 'missing';

const MOST_PROBLEMS = 20;

/** Every request of a soak is counted when it is sent, and again by what became of it. */
export class SoakTally {
  sent = 0;
  readonly outcomes: Record<Outcome, number> = {
    right: 0,
    failed: 0,
    closed: 0,
    abandoned: 0,
    silent: 0,
    wrong: 0,
    missing: 0,
  };
  /** Error replies by their text. */
  readonly errors = new Map<string, number>();
  readonly problems: string[] = [];
  connections = 0;
  bytes = 0;

  settle(outcome: Outcome): void {
    this.outcomes[outcome]++;
  }

  fail(text: string): void {
    this.outcomes.failed++;
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }

  /** Something that must never be; the first ones are kept. */
  problem(text: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(text);
  }

  /** How many requests are not accounted for. */
  get unaccounted(): number {
    return this.sent - Object.values(this.outcomes).reduce((sum, count) => sum + count, 0);
  }
}
