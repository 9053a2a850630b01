import type { ToMaster, ToWorker } from '../../ipc/messages.ts';
import { RateLease, RECALL_EVERY_MS, type SharedRate } from './rate-lease.ts';

/** A worker process, as the leases know it. */
export interface LeaseWorker {
  readonly id: number;
  /** It is the master after this one, for workers of its own. */
  readonly isSuccessor?: boolean;
  send(message: ToWorker): boolean;
}

export type ShareMessage = Extract<ToMaster, { readonly type: 'askShare' | 'giveShare' }>;

/** What a worker, or the master after this one, is told of them. */
export type LentMessage = Extract<ToWorker, { readonly type: 'share' | 'recallShare' }>;

/** Where this master has its rates from, as long as the one before it has clients. */
export interface ShareSource {
  send(message: ShareMessage): void;
}

/** A rate as the master before this one leaves it. */
export interface LeftRate extends SharedRate {
  readonly key: string;
  readonly tokens: number;
}

/** A source that does not answer in this time has nothing any more; workers help themselves sooner. */
export const SOURCE_WITHIN_MS = 3000;
/** What nobody has used for long is forgotten so often. */
const SWEEP_MS = 10_000;

/** The rates that workers keep together, by their keys: each is the worker's own word for a tenant, what is limited, and how. */
export class RateLeases {
  private readonly leases = new Map<string, RateLease>();
  private readonly workers = new Map<number, LeaseWorker>();
  private source: ShareSource | null = null;

  constructor() {
    setInterval(() => this.look(), RECALL_EVERY_MS).unref();
    setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  receive(worker: LeaseWorker, message: ShareMessage): void {
    this.workers.set(worker.id, worker);
    if (message.type === 'askShare') {
      const { key, perMs, capacity, ofUnits: units } = message;
      this.of(key, { perMs, capacity, units }).ask(worker.id, message.wants, worker.isSuccessor);
    } else this.leases.get(message.key)?.give(worker.id, message.units, message.tokens, message.isAnswer);
  }

  /** The worker is gone. */
  retire(worker: LeaseWorker): void {
    this.workers.delete(worker.id);
    for (const lease of this.leases.values()) lease.retire(worker.id);
  }

  /** From now on rates are leased from `source`: no worker has any yet. */
  follow(source: ShareSource): void {
    this.source = source;
  }

  /** The answer of the source, or its question. */
  receiveFromSource(message: LentMessage): void {
    const { key } = message;
    const lease = this.leases.get(key);
    if (message.type === 'recallShare') {
      if (lease !== undefined) lease.recalled(message.keep);
      else this.source?.send({ type: 'giveShare', key, units: 0, tokens: 0, isAnswer: true });
    } else if (lease !== undefined) lease.lent(message.units, message.tokens);
    else if (message.units > 0) {
      const { units, tokens } = message;
      this.source?.send({ type: 'giveShare', key, units, tokens, isAnswer: false });
    }
  }

  /** The source has ended, and this is what it had of rates that were used of late. */
  inherit(rates: readonly LeftRate[]): void {
    for (const { key, tokens, ...rate } of rates) this.of(key, rate).loseSource(tokens);
  }

  /** All rates are this master's. Of what the source has not told of it had all (`isDone`), or nobody knows what. */
  loseSource(isDone: boolean): void {
    this.source = null;
    for (const lease of this.leases.values()) lease.loseSource(isDone ? Number.POSITIVE_INFINITY : 0);
  }

  /** For the master after this one, which has what it leased: the rest of what was used of late. */
  left(): LeftRate[] {
    const left: LeftRate[] = [];
    for (const [key, lease] of this.leases) {
      if (this.source !== null || !lease.isUnused) left.push({ key, ...lease.rate, tokens: lease.left() });
    }
    return left;
  }

  /** This master does not take the place of the source after all. */
  giveBack(): void {
    for (const lease of this.leases.values()) lease.close();
    this.leases.clear();
  }

  private of(key: string, rate: SharedRate): RateLease {
    let lease = this.leases.get(key);
    if (lease === undefined) {
      const { source } = this;
      const { perMs, capacity, units: ofUnits } = rate;
      lease = new RateLease(
        rate,
        {
          grant: (worker, units, tokens) => {
            this.workers.get(worker)?.send({ type: 'share', key, units, tokens });
          },
          recall: (worker, keep) => this.workers.get(worker)?.send({ type: 'recallShare', key, keep }) ?? false,
        },
        source && {
          ask: wants => source.send({ type: 'askShare', key, perMs, capacity, ofUnits, wants }),
          give: (units, tokens, isAnswer) => source.send({ type: 'giveShare', key, units, tokens, isAnswer }),
        },
      );
      this.leases.set(key, lease);
    }
    return lease;
  }

  private look(): void {
    for (const lease of this.leases.values()) lease.look();
    // An answer that came while this process was busy is read first.
    if (this.isSourceSilent) setImmediate(() => this.isSourceSilent && this.loseSource(false));
  }

  private get isSourceSilent(): boolean {
    if (this.source === null) return false;
    for (const lease of this.leases.values()) if (lease.sourceSilentMs() > SOURCE_WITHIN_MS) return true;
    return false;
  }

  private sweep(): void {
    for (const [key, lease] of this.leases) {
      if (!lease.isUnused) continue;
      lease.close();
      this.leases.delete(key);
    }
  }
}
