import type { ClientAnswer, ClientQuestion } from '../protocol/client-inquiry.ts';

/** The master gathers answers for a shorter time; one that does not answer at all is waited for no longer than this. */
const ANSWER_WITHIN_MS = 2000;
/** More at once are not asked. */
const MAX_PENDING = 256;

type Then = (answers: readonly ClientAnswer[], isWhole: boolean) => void;

/** What clients of this worker have asked about the clients of all workers. */
export class ClientInquiries {
  private readonly pending = new Map<number, Then>();
  private last = 0;
  private readonly send: (id: number, pool: string, question: ClientQuestion) => void;

  constructor(send: (id: number, pool: string, question: ClientQuestion) => void) {
    this.send = send;
  }

  /** Calls `then` once, never before this returns. */
  ask(pool: string, question: ClientQuestion, then: Then): void {
    if (this.pending.size >= MAX_PENDING) {
      setImmediate(then, [], false);
      return;
    }
    const id = ++this.last;
    const timer = setTimeout(() => setImmediate(() => this.answered(id, [], false)), ANSWER_WITHIN_MS);
    this.pending.set(id, (answers, isWhole) => {
      clearTimeout(timer);
      then(answers, isWhole);
    });
    this.send(id, pool, question);
  }

  answered(id: number, answers: readonly ClientAnswer[], isWhole: boolean): void {
    const then = this.pending.get(id);
    this.pending.delete(id);
    then?.(answers, isWhole);
  }
}
