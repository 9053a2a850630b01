/** How the master reaches a worker about one pool. */
export interface QuotaMessenger {
  grant(worker: number, count: number, isForced: boolean): void;
  /** False when the worker is not there to answer. */
  recall(worker: number): boolean;
}

/** A worker that does not answer a recall in this time is not waited for, nor asked again before it says something. */
export const RECALL_WITHIN_MS = 300;

/**
 * The places for clients of one pool, address or user, leased to workers (see proxy/admission.ts). When none is free, those that lie idle
 * in other workers are recalled before anybody is turned away, so that the limit holds to the client.
 */
export class ConnectionQuota {
  limit: number;
  private readonly messenger: QuotaMessenger;
  private readonly leases = new Map<number, number>();
  private readonly waiting: { readonly worker: number; readonly count: number }[] = [];
  /** Workers that were asked to give back what they don't use, and have not answered. */
  private readonly recalled = new Set<number>();
  /** Workers that left a recall unanswered. */
  private readonly mute = new Set<number>();
  private recallTimer: NodeJS.Timeout | null = null;
  private lastRecallFor: { readonly worker: number } | undefined;

  constructor(limit: number, messenger: QuotaMessenger) {
    this.limit = limit;
    this.messenger = messenger;
  }

  /** A worker asks for places. `isForced`: its clients are in already, and count whatever the limit. */
  ask(worker: number, count: number, isForced: boolean): void {
    if (isForced) {
      this.lease(worker, count, true);
      return;
    }
    this.waiting.push({ worker, count });
    this.serve();
  }

  /** A worker gives back what it does not need, or answers a recall. */
  giveBack(worker: number, count: number, isAnswer: boolean): void {
    this.mute.delete(worker);
    const left = (this.leases.get(worker) ?? 0) - count;
    if (left > 0) this.leases.set(worker, left);
    else this.leases.delete(worker);
    if (isAnswer) this.recalled.delete(worker);
    this.serve();
  }

  /** A worker is gone, and its clients with it. */
  retire(worker: number): void {
    this.leases.delete(worker);
    this.recalled.delete(worker);
    this.mute.delete(worker);
    const index = this.waiting.findIndex(each => each.worker === worker);
    if (index >= 0) this.waiting.splice(index, 1);
    this.serve();
  }

  /** Nobody has a place, nor waits for one. */
  get isUnused(): boolean {
    return this.leases.size === 0 && this.waiting.length === 0;
  }

  private get free(): number {
    let free = this.limit;
    for (const count of this.leases.values()) free -= count;
    return free;
  }

  private serve(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      const { free } = this;
      if (free <= 0 && (this.recalled.size > 0 || this.recallFor(next.worker))) return;
      this.waiting.shift();
      this.lease(next.worker, Math.min(next.count, Math.max(0, free)), false);
    }
  }

  /** Whether places may come back: each request recalls once. */
  private recallFor(worker: number): boolean {
    if (this.lastRecallFor === this.waiting[0]) return false;
    this.lastRecallFor = this.waiting[0];
    for (const [other, count] of this.leases) {
      if (other === worker || count === 0 || this.mute.has(other)) continue;
      if (this.messenger.recall(other)) this.recalled.add(other);
    }
    if (this.recalled.size > 0) this.limitRecall();
    return this.recalled.size > 0;
  }

  private limitRecall(): void {
    if (this.recallTimer !== null) clearTimeout(this.recallTimer);
    // Answers that came while this process was busy are read first.
    const timer = setTimeout(() => setImmediate(() => this.endRecall(timer)), RECALL_WITHIN_MS);
    this.recallTimer = timer.unref();
  }

  private endRecall(timer: NodeJS.Timeout): void {
    if (this.recallTimer !== timer) return;
    this.recallTimer = null;
    for (const worker of this.recalled) this.mute.add(worker);
    this.recalled.clear();
    this.serve();
  }

  private lease(worker: number, count: number, isForced: boolean): void {
    if (count > 0) this.leases.set(worker, (this.leases.get(worker) ?? 0) + count);
    this.messenger.grant(worker, count, isForced);
  }
}
