import type { ClientPage, ClientSearch } from '../../figures/client-row.ts';
import type { ClientMessage, WorkerProcess } from '../workers/worker-process.ts';
import { WorkerRounds } from '../workers/worker-rounds.ts';

type Then = (answers: readonly object[], isWhole: boolean) => void;

/** Passes what a client asks about the clients of its pool, or an operator about all, on to all workers, and gathers what these say. */
export class ClientInquiries {
  private readonly rounds = new WorkerRounds();
  private readonly workers: () => Iterable<WorkerProcess>;

  constructor(workers: () => Iterable<WorkerProcess>) {
    this.workers = workers;
  }

  asked(asker: WorkerProcess, { id, pool, question }: Extract<ClientMessage, { type: 'askClients' }>): void {
    this.ask(pool, question, (answers, isWhole) => {
      asker.send({ type: 'clientsAnswered', id, answers, isWhole });
    });
  }

  /** Resolves with a page of each worker; without `isWhole` some have not answered in time. */
  search(search: ClientSearch): Promise<{ readonly pages: readonly ClientPage[]; readonly isWhole: boolean }> {
    return new Promise(resolve => {
      this.ask(null, search, (answers, isWhole) => resolve({ pages: answers as readonly ClientPage[], isWhole }));
    });
  }

  arrived(worker: WorkerProcess, id: number, answer: object): void {
    this.rounds.arrived(worker, id, answer);
  }

  gone(worker: WorkerProcess): void {
    this.rounds.gone(worker);
  }

  private ask(pool: string | null, question: object, then: Then): void {
    // Also those that leave have clients; one that has yet to serve has none.
    const send = (worker: WorkerProcess, id: number) =>
      worker.hasServed && worker.send({ type: 'clients', id, pool, question });
    this.rounds.ask(this.workers(), send, then);
  }
}
