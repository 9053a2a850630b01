import type { PoolConfig } from '../config/config.ts';
import type { ToMaster, ToWorker } from '../ipc/messages.ts';
import { ConnectionQuota } from './connection-quota.ts';

/** A worker process, as the quotas know it. */
export interface QuotaWorker {
  readonly id: number;
  /** False when nobody listens any more. */
  send(message: ToWorker): boolean;
}

export type PlaceMessage = Extract<ToMaster, { readonly type: 'ask' | 'giveBack' }>;

/** `client_connections` of all pools, kept over all workers. */
export class ConnectionQuotas {
  private quotas = new Map<string, ConnectionQuota>();
  private readonly workers = new Map<number, QuotaWorker>();

  /** Takes over other limits. A pool that was renamed is a new one: its workers ask again for the clients they have. */
  setPools(pools: readonly PoolConfig[]): void {
    const before = this.quotas;
    this.quotas = new Map(
      pools.map(({ name, clientConnections }) => {
        const quota = before.get(name) ?? this.newQuota(name);
        quota.limit = clientConnections;
        return [name, quota];
      }),
    );
  }

  receive(worker: QuotaWorker, message: PlaceMessage): void {
    this.workers.set(worker.id, worker);
    const quota = this.quotas.get(message.pool);
    if (message.type === 'giveBack') quota?.giveBack(worker.id, message.count, message.isAnswer);
    else if (quota !== undefined) quota.ask(worker.id, message.count, message.isForced);
    else worker.send({ type: 'grant', pool: message.pool, count: 0, isForced: message.isForced });
  }

  /** The worker is gone, and its clients with it. */
  retire(worker: QuotaWorker): void {
    this.workers.delete(worker.id);
    for (const quota of this.quotas.values()) quota.retire(worker.id);
  }

  private newQuota(pool: string): ConnectionQuota {
    return new ConnectionQuota(0, {
      grant: (worker, count, isForced) => {
        this.workers.get(worker)?.send({ type: 'grant', pool, count, isForced });
      },
      recall: worker => this.workers.get(worker)?.send({ type: 'recall', pool }) ?? false,
    });
  }
}
