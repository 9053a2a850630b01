import type { ReshardState } from '../../ipc/reshard-state.ts';
import type { Answer, WorkerProcess } from '../workers/worker-process.ts';

/** A server that has not read what was sent so long ago was stopped all the time. */
const LATELY_MS = 60_000;

/** What a worker was told last of a pool. */
interface Told {
  readonly state: ReshardState | null;
  readonly answer: Promise<Answer>;
}

/**
 * Has every worker process be in the same phase of a pool's reshard, those that leave too. One that is gone counts as in it; one
 * that starts later is told before it serves.
 */
export class WorkerPhases {
  private readonly processes: () => Iterable<WorkerProcess>;
  /** When the last of them has ended. */
  private lostAtMs = Number.NEGATIVE_INFINITY;
  private readonly told = new WeakMap<WorkerProcess, Map<string, Told>>();

  constructor(processes: () => Iterable<WorkerProcess>) {
    this.processes = processes;
  }

  /** One that serves from now on. */
  add(worker: WorkerProcess): void {
    void worker.exited.then(() => this.lost());
  }

  /** One has ended, perhaps with requests under way that nobody waits for any more. */
  lost(): void {
    this.lostAtMs = performance.now();
  }

  /** One has ended lately: servers may not have read yet all that it has sent. */
  get isAnyLost(): boolean {
    return performance.now() - this.lostAtMs < LATELY_MS;
  }

  /** Resolves when all are, or after `withinMs`; with who is not, in words: '' when all are. */
  async tell(pool: string, state: ReshardState | null, withinMs: number): Promise<string> {
    const missing = new Map<WorkerProcess, string>();
    const answers = [...this.processes()].map(async worker => {
      const who = `worker ${worker.slot} (process ${worker.pid})`;
      missing.set(worker, worker.isLeaving ? `${who} has not left yet` : `${who} has not acknowledged it yet`);
      const answer = await this.tellOne(worker, pool, state);
      if (answer.kind === 'refused') missing.set(worker, `${who}: ${answer.message}`);
      else missing.delete(worker);
    });
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => setImmediate(late.resolve), withinMs);
    await Promise.race([Promise.all(answers), late.promise]);
    clearTimeout(timer);
    return [...missing.values()].join('; ');
  }

  /** Who is asked again for the same is not told again while its answer may come. */
  private async tellOne(worker: WorkerProcess, pool: string, state: ReshardState | null): Promise<Answer> {
    const pools = this.told.get(worker) ?? new Map<string, Told>();
    this.told.set(worker, pools);
    const before = pools.get(pool);
    const told = before?.state === state ? before : { state, answer: worker.reshard(pool, state) };
    pools.set(pool, told);
    const answer = await told.answer;
    if (answer.kind === 'refused' && pools.get(pool) === told) pools.delete(pool);
    // One that leaves has taken its pools apart, and follows nothing; what it has begun it finishes.
    if (answer.kind === 'gone' || worker.isLeaving) await worker.exited;
    return answer;
  }
}
