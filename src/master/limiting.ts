import type { ToMaster } from '../ipc/messages.ts';
import type { Log } from '../system/log.ts';

export type LimitingMessage = Extract<ToMaster, { readonly type: 'limiting' }>;

/** A tenant that is over a limit, in some worker. */
export interface LimitedTenant {
  readonly pool: string;
  /** `pool`, `address`, `user`. */
  readonly scope: string;
  readonly name: string;
  /** What it is over, as of when it began: `requests`, `bytes_out`, `commands @write`, `pending`. */
  readonly over: string;
  /** ISO 8601. */
  readonly since: string;
  /** In so many workers. */
  readonly workers: number;
}

interface Entry extends Omit<LimitedTenant, 'workers'> {
  readonly workers: Set<number>;
}

/** Tenants that are known at once; of more nothing is said. */
const KNOWN_MAX = 4096;

/** Who is over a limit, by what the workers say: told when it begins and when it ends. */
export class Limiting {
  private readonly entries = new Map<string, Entry>();
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  receive(worker: { readonly id: number }, { pool, scope, name, over }: LimitingMessage): void {
    const key = JSON.stringify([pool, scope, name]);
    const entry = this.entries.get(key);
    if (over === null) {
      if (entry !== undefined) this.within(key, entry, worker.id);
    } else if (entry !== undefined) entry.workers.add(worker.id);
    else if (this.entries.size < KNOWN_MAX) {
      const workers = new Set([worker.id]);
      this.entries.set(key, { pool, scope, name, over, since: new Date().toISOString(), workers });
      this.log.warn({ pool, scope, name, over }, 'over a limit');
    }
  }

  gone(worker: { readonly id: number }): void {
    for (const [key, entry] of this.entries) this.within(key, entry, worker.id);
  }

  list(): readonly LimitedTenant[] {
    return [...this.entries.values()].map(entry => ({ ...entry, workers: entry.workers.size }));
  }

  private within(key: string, { workers, pool, scope, name }: Entry, worker: number): void {
    if (!workers.delete(worker) || workers.size > 0) return;
    this.entries.delete(key);
    this.log.info({ pool, scope, name }, 'within its limits again');
  }
}
