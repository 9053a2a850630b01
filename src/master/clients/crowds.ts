import type { CrowdRow } from '../../ipc/messages.ts';
import type { ClientMessage, WorkerProcess } from '../workers/worker-process.ts';
import { WorkerRounds } from '../workers/worker-rounds.ts';

type Rows = Map<string, CrowdRow>;

/**
 * Which subscribers each worker has that servers don't see: told to all others, so that each knows how many hear a message. Who
 * has changed something hears when all others know.
 */
export class Crowds {
  /** By worker, pool, and kind and name. */
  private readonly known = new Map<WorkerProcess, Map<string, Rows>>();
  private readonly rounds = new WorkerRounds();
  private readonly workers: () => Iterable<WorkerProcess>;

  constructor(workers: () => Iterable<WorkerProcess>) {
    this.workers = workers;
  }

  changed(worker: WorkerProcess, { id, pool, crowds }: Extract<ClientMessage, { type: 'crowds' }>): void {
    this.keep(worker, pool, crowds);
    this.tell(worker, pool, crowds, false, () => worker.send({ type: 'crowdsTold', id }));
  }

  arrived(worker: WorkerProcess, id: number): void {
    this.rounds.arrived(worker, id, null);
  }

  /** Tells a new worker of all the others. */
  greet(newcomer: WorkerProcess): void {
    for (const [{ id: worker }, pools] of this.known) {
      for (const [pool, rows] of pools) {
        newcomer.send({ type: 'crowds', id: 0, pool, worker, crowds: [...rows.values()], isWhole: true });
      }
    }
  }

  /** Its clients are, too. */
  gone(worker: WorkerProcess): void {
    this.rounds.gone(worker);
    const pools = this.known.get(worker);
    this.known.delete(worker);
    for (const pool of pools?.keys() ?? []) this.tell(worker, pool, [], true, () => {});
  }

  private keep(worker: WorkerProcess, pool: string, crowds: readonly CrowdRow[]): void {
    const pools = this.known.get(worker) ?? new Map<string, Rows>();
    const rows = pools.get(pool) ?? new Map<string, CrowdRow>();
    for (const row of crowds) {
      const [kind, name, beyond] = row;
      if (beyond > 0) rows.set(`${kind}${name}`, row);
      else rows.delete(`${kind}${name}`);
    }
    if (rows.size > 0) pools.set(pool, rows);
    else pools.delete(pool);
    if (pools.size > 0) this.known.set(worker, pools);
    else this.known.delete(worker);
  }

  private tell(of: WorkerProcess, pool: string, crowds: readonly CrowdRow[], isWhole: boolean, then: () => void): void {
    const others = [...this.workers()].filter(worker => worker !== of);
    const send = (worker: WorkerProcess, id: number) =>
      worker.send({ type: 'crowds', id, pool, worker: of.id, crowds, isWhole });
    this.rounds.ask(others, send, then);
  }
}
