import type { ReshardState } from '../../ipc/reshard-state.ts';
import type { WorkerProcess } from '../worker-process.ts';

export interface WorkersHost {
  /** All there are, those that leave too. */
  processes(): Iterable<WorkerProcess>;
}

/** Who is not in the phase, in words; '': all are. */
export type Missing = string;

/**
 * Has every worker process be in the same phase of a pool's reshard. One that is told and gone is in any; one that starts
 * later is told before it serves (`WorkerSlotHost.reshards`).
 */
export class WorkerPhases {
  private readonly host: WorkersHost;
  /** What each worker has acknowledged, by pool. */
  private readonly acknowledged = new WeakMap<WorkerProcess, Map<string, ReshardState | null>>();

  constructor(host: WorkersHost) {
    this.host = host;
  }

  /** Resolves when all are, one refuses, or after `withinMs`. */
  async tell(pool: string, state: ReshardState | null, withinMs: number): Promise<Missing> {
    const missing = new Map<WorkerProcess, string>();
    const told = [...this.host.processes()].flatMap(worker => {
      if (this.acknowledged.get(worker)?.get(pool) === state) return [];
      missing.set(worker, `worker ${worker.slot} (process ${worker.pid}) has not acknowledged it yet`);
      return [this.tellOne(worker, pool, state, missing)];
    });
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => setImmediate(late.resolve), withinMs);
    await Promise.race([Promise.all(told), late.promise]);
    clearTimeout(timer);
    return [...missing.values()].join('; ');
  }

  private async tellOne(
    worker: WorkerProcess,
    pool: string,
    state: ReshardState | null,
    missing: Map<WorkerProcess, string>,
  ): Promise<void> {
    const answer = await worker.reshard(pool, state);
    if (answer.kind === 'refused') {
      missing.set(worker, `worker ${worker.slot} (process ${worker.pid}): ${answer.message}`);
      return;
    }
    missing.delete(worker);
    const known = this.acknowledged.get(worker) ?? new Map<string, ReshardState | null>();
    this.acknowledged.set(worker, known.set(pool, state));
  }
}
