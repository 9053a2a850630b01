import type { ClientPage, ClientSearch } from '../figures/client-row.ts';
import type { ClientMessage, WorkerProcess } from './worker-process.ts';

/** What has not answered by then is left out, and the asker is told. */
const ANSWER_WITHIN_MS = 300;

interface Round {
  readonly missing: Set<WorkerProcess>;
  readonly answers: object[];
  readonly end: () => void;
}

type Then = (answers: readonly object[], isWhole: boolean) => void;

/** Passes what a client asks about the clients of its pool, or an operator about all, on to all workers, and gathers what these say. */
export class ClientInquiries {
  private readonly rounds = new Map<number, Round>();
  private last = 0;
  private readonly workers: () => Iterable<WorkerProcess>;

  constructor(workers: () => Iterable<WorkerProcess>) {
    this.workers = workers;
  }

  receive(worker: WorkerProcess, message: ClientMessage): void {
    if (message.type === 'clients') {
      this.arrived(worker, message.id, message.answer);
      return;
    }
    const { id, pool, question } = message;
    this.ask(pool, question, (answers, isWhole) => {
      worker.send({ type: 'clientsAnswered', id, answers, isWhole });
    });
  }

  /** Resolves with a page of each worker; without `isWhole` some have not answered in time. */
  search(search: ClientSearch): Promise<{ readonly pages: readonly ClientPage[]; readonly isWhole: boolean }> {
    return new Promise(resolve => {
      this.ask(null, search, (answers, isWhole) => resolve({ pages: answers as readonly ClientPage[], isWhole }));
    });
  }

  /** Nobody need wait for it. */
  gone(worker: WorkerProcess): void {
    for (const id of this.rounds.keys()) this.arrived(worker, id, null);
  }

  private ask(pool: string | null, question: object, then: Then): void {
    const round = ++this.last;
    // Also those that leave have clients; one that has yet to serve has none.
    const asked = [...this.workers()].filter(({ hasServed }) => hasServed);
    const missing = new Set(asked.filter(worker => worker.send({ type: 'clients', id: round, pool, question })));
    const answers: object[] = [];
    const end = () => {
      clearTimeout(timer);
      this.rounds.delete(round);
      then(answers, missing.size === 0);
    };
    // Answers that came while this process was busy are read first.
    const timer = setTimeout(() => setImmediate(() => this.rounds.get(round)?.end()), ANSWER_WITHIN_MS);
    this.rounds.set(round, { missing, answers, end });
    if (missing.size === 0) end();
  }

  private arrived(worker: WorkerProcess, id: number, answer: object | null): void {
    const round = this.rounds.get(id);
    if (!round?.missing.delete(worker)) return;
    if (answer !== null) round.answers.push(answer);
    if (round.missing.size === 0) round.end();
  }
}
