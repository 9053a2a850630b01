import type { ToMaster, ToWorker } from '../../ipc/messages.ts';
import { RateLease, RECALL_EVERY_MS } from './rate-lease.ts';

/** A worker process, as the leases know it. */
export interface LeaseWorker {
  readonly id: number;
  send(message: ToWorker): boolean;
}

export type ShareMessage = Extract<ToMaster, { readonly type: 'askShare' | 'giveShare' }>;

/** What nobody has used for long is forgotten so often. */
const SWEEP_MS = 10_000;

/** The rates that workers keep together, by their keys: each is the worker's own word for a tenant, what is limited, and how. */
export class RateLeases {
  private readonly leases = new Map<string, RateLease>();
  private readonly workers = new Map<number, LeaseWorker>();

  constructor() {
    setInterval(() => this.look(), RECALL_EVERY_MS).unref();
    setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  receive(worker: LeaseWorker, message: ShareMessage): void {
    this.workers.set(worker.id, worker);
    const { key } = message;
    if (message.type === 'askShare') this.of(message).ask(worker.id, message.wants);
    else this.leases.get(key)?.give(worker.id, message.units, message.tokens, message.isAnswer);
  }

  /** The worker is gone. */
  retire(worker: LeaseWorker): void {
    this.workers.delete(worker.id);
    for (const lease of this.leases.values()) lease.retire(worker.id);
  }

  private of({ key, perMs, capacity, ofUnits: units }: Extract<ShareMessage, { type: 'askShare' }>): RateLease {
    let lease = this.leases.get(key);
    if (lease === undefined) {
      lease = new RateLease(
        { perMs, capacity, units },
        {
          grant: (worker, units, tokens) => {
            this.workers.get(worker)?.send({ type: 'share', key, units, tokens });
          },
          recall: (worker, keep) => this.workers.get(worker)?.send({ type: 'recallShare', key, keep }) ?? false,
        },
      );
      this.leases.set(key, lease);
    }
    return lease;
  }

  private look(): void {
    for (const lease of this.leases.values()) lease.look();
  }

  private sweep(): void {
    for (const [key, lease] of this.leases) if (lease.isUnused) this.leases.delete(key);
  }
}
