import type { Log } from '../../system/log.ts';
import type { ClientMessage, WorkerProcess } from '../workers/worker-process.ts';
import { WorkerRounds } from '../workers/worker-rounds.ts';

interface Pause {
  readonly untilMs: number;
  readonly isOfWrites: boolean;
}

/** The pauses of pools' clients, in all workers and those to come. As in Redis, of two the longer and the wider are true. */
export class Pauses {
  private readonly pauses = new Map<string, Pause>();
  private readonly rounds = new WorkerRounds();
  private readonly workers: () => Iterable<WorkerProcess>;
  private readonly log: Log;

  constructor(workers: () => Iterable<WorkerProcess>, log: Log) {
    this.workers = workers;
    this.log = log;
  }

  /** `untilMs` 0 ends the pause. The asker hears once all workers have it. */
  asked(asker: WorkerProcess, { id, pool, ...asked }: Extract<ClientMessage, { type: 'pause' }>): void {
    this.forgetOver();
    const before = this.pauses.get(pool);
    if (asked.untilMs === 0) this.pauses.delete(pool);
    else this.pauses.set(pool, before === undefined ? asked : widest(before, asked));
    const { untilMs, isOfWrites } = this.pauses.get(pool) ?? asked;
    if (asked.untilMs > 0) {
      const forMs = untilMs - Date.now();
      this.log.info({ pool, forMs, isOfWrites }, 'a client pauses the clients of its pool');
    } else if (before !== undefined) this.log.info({ pool }, 'a client ends the pause of the clients of its pool');
    this.rounds.ask(
      this.workers(),
      (worker, round) => worker.send({ type: 'pause', id: round, pool, untilMs, isOfWrites }),
      (_answers, isWhole) => asker.send({ type: 'clientsAnswered', id, answers: [], isWhole }),
    );
  }

  arrived(worker: WorkerProcess, id: number): void {
    this.rounds.arrived(worker, id, null);
  }

  greet(newcomer: WorkerProcess): void {
    this.forgetOver();
    for (const [pool, pause] of this.pauses) newcomer.send({ type: 'pause', id: 0, pool, ...pause });
  }

  gone(worker: WorkerProcess): void {
    this.rounds.gone(worker);
  }

  private forgetOver(): void {
    const nowMs = Date.now();
    for (const [pool, { untilMs }] of this.pauses) if (untilMs <= nowMs) this.pauses.delete(pool);
  }
}

function widest(one: Pause, other: Pause): Pause {
  return { untilMs: Math.max(one.untilMs, other.untilMs), isOfWrites: one.isOfWrites && other.isOfWrites };
}
