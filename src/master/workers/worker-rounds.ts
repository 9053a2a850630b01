import type { WorkerProcess } from './worker-process.ts';

/** What has not answered by then is left out, and the asker is told. A worker that is only busy, or short of CPU time, answers by then. */
const ANSWER_WITHIN_MS = 1000;

interface Round {
  readonly missing: Set<WorkerProcess>;
  readonly answers: object[];
  readonly end: () => void;
}

/** Questions to workers that are under way. */
export class WorkerRounds {
  private readonly rounds = new Map<number, Round>();
  private last = 0;

  /**
   * Asks these workers, each by `send`, which is false where nobody listens. `then` is called once: when all have answered, or in
   * time. A worker that has yet to serve is told, and not waited for.
   */
  ask(
    workers: Iterable<WorkerProcess>,
    send: (worker: WorkerProcess, id: number) => boolean,
    then: (answers: readonly object[], isWhole: boolean) => void,
  ): void {
    const id = ++this.last;
    const told = [...workers].filter(worker => send(worker, id));
    const missing = new Set(told.filter(({ hasServed }) => hasServed));
    const answers: object[] = [];
    const end = () => {
      clearTimeout(timer);
      this.rounds.delete(id);
      then(answers, missing.size === 0);
    };
    // Answers that came while this process was busy are read first.
    const timer = setTimeout(() => setImmediate(() => this.rounds.get(id)?.end()), ANSWER_WITHIN_MS);
    this.rounds.set(id, { missing, answers, end });
    if (missing.size === 0) end();
  }

  arrived(worker: WorkerProcess, id: number, answer: object | null): void {
    const round = this.rounds.get(id);
    if (!round?.missing.delete(worker)) return;
    if (answer !== null) round.answers.push(answer);
    if (round.missing.size === 0) round.end();
  }

  /** Nobody need wait for it. */
  gone(worker: WorkerProcess): void {
    for (const id of this.rounds.keys()) this.arrived(worker, id, null);
  }
}
