import { performance } from 'node:perf_hooks';
import type { ToMaster } from '../../ipc/messages.ts';
import type { Log } from '../../system/log.ts';
import type { PlaceHolder } from './connection-quotas.ts';

export type LimitingMessage = Extract<ToMaster, { readonly type: 'limiting' }>;

/** A tenant that is over a limit, in some worker. */
export interface LimitedTenant {
  readonly pool: string;
  /** `pool`, `address`, `user`. */
  readonly scope: string;
  readonly name: string;
  /** What it is over, as of when it began: `requests`, `bytes_out`, `commands @write`, `pending`, `connections`. */
  readonly over: string;
  /** ISO 8601. */
  readonly since: string;
  /** In so many workers; of connections, which the master counts, 0. */
  readonly workers: number;
}

interface Entry extends Omit<LimitedTenant, 'workers'> {
  readonly workers: Set<number>;
}

/** Who has had no client turned away for so long is told to be within. */
const WITHIN_AFTER_MS = 5000;
const SWEEP_MS = 1000;
/** What the number of connections is called as a limit. */
const CONNECTIONS = 'connections';

/** Tenants that are known at once; of more nothing is said. */
const KNOWN_MAX = 4096;

/** Who is over a limit, by what the workers say: told when it begins and when it ends. */
export class Limiting {
  private readonly entries = new Map<string, Entry>();
  /** Those who had as many connections as they may, when a client was last turned away. */
  private readonly full = new Map<string, { readonly holder: PlaceHolder; atMs: number }>();
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
    setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Of whose connections there are as many as there may be: another one is not let in. */
  turnedAway(holder: PlaceHolder): void {
    const { pool, scope, name } = holder;
    const key = JSON.stringify([pool, scope, name, CONNECTIONS]);
    const entry = this.full.get(key);
    const atMs = performance.now();
    if (entry !== undefined) entry.atMs = atMs;
    else if (this.entries.size + this.full.size < KNOWN_MAX) {
      this.full.set(key, { holder, atMs });
      const since = new Date().toISOString();
      this.entries.set(key, { pool, scope, name, over: CONNECTIONS, since, workers: new Set() });
      this.log.warn({ pool, scope, name, over: CONNECTIONS }, 'over a limit');
    }
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

  private sweep(): void {
    const nowMs = performance.now();
    for (const [key, { holder, atMs }] of this.full) {
      if (nowMs - atMs < WITHIN_AFTER_MS) continue;
      const { pool, scope, name } = holder;
      this.full.delete(key);
      this.entries.delete(key);
      this.log.info({ pool, scope, name, over: CONNECTIONS }, 'within its limits again');
    }
  }

  private within(key: string, { workers, pool, scope, name }: Entry, worker: number): void {
    if (!workers.delete(worker) || workers.size > 0) return;
    this.entries.delete(key);
    this.log.info({ pool, scope, name }, 'within its limits again');
  }
}
