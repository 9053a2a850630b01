/** How the master reaches a worker about one pool. */
export interface QuotaMessenger {
  grant(worker: number, count: number, isForced: boolean): void;
  /** False when the worker is not there to answer. */
  recall(worker: number): boolean;
}

/** The master before this one, which leases places to it as to a worker of its own, as long as clients are left there. */
export interface QuotaSource {
  ask(count: number, limit: number, isForced: boolean): void;
  giveBack(count: number, isAnswer: boolean): void;
  /** It has not answered in time, and is not asked any more. */
  onSilent(): void;
}

/** A worker that does not answer a recall in this time is not waited for, nor asked again before it says something. */
export const RECALL_WITHIN_MS = 300;
/** Who is let go there comes back at once, often before it is known to be gone: the source is asked again so often, … */
export const BORROW_EVERY_MS = 50;
/** … and so many times, before somebody is turned away. A worker waits for its answer a little longer than that. */
export const BORROW_TRIES = 16;
/** The source is waited for so long, once. */
export const SOURCE_WITHIN_MS = 1000;

interface Waiting {
  readonly worker: number;
  readonly count: number;
  /** By itself: it is answered without asking the source first, and finds what that has lent when it does. */
  readonly asksAgain: boolean;
  tries: number;
}

/**
 * The places for clients of one pool, address or user, leased to workers (see proxy/limits/admission.ts). When none is free, those that lie idle
 * in other workers are recalled before anybody is turned away, so that the limit holds to the client.
 */
export class ConnectionQuota {
  limit: number;
  private readonly messenger: QuotaMessenger;
  private readonly leases = new Map<number, number>();
  private readonly waiting: Waiting[] = [];
  /** Workers that were asked to give back what they don't use, and have not answered. */
  private readonly recalled = new Set<number>();
  /** Workers that left a recall unanswered. */
  private readonly mute = new Set<number>();
  private recallTimer: NodeJS.Timeout | null = null;
  private lastRecallFor: Waiting | undefined;
  /** Null: all places are this master's. */
  private source: QuotaSource | null;
  /** Places that it has of the source. */
  private borrowed = 0;
  /** The source is asked, or is to be asked again. */
  private sourceTimer: NodeJS.Timeout | null = null;

  constructor(limit: number, messenger: QuotaMessenger, source: QuotaSource | null = null) {
    this.limit = limit;
    this.messenger = messenger;
    this.source = source;
  }

  /**
   * A worker asks for places. `isForced`: its clients are in already, and count whatever the limit. `asksAgain`: it is the master after
   * this one, which does not wait for the one before this one: should that hang, it would take this one for silent.
   */
  ask(worker: number, count: number, isForced: boolean, asksAgain = false): void {
    if (isForced) this.lease(worker, count, true);
    else if (asksAgain && this.waiting.length > 0) this.lease(worker, 0, false);
    else {
      this.waiting.push({ worker, count, asksAgain, tries: 0 });
      this.serve();
    }
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

  /** The answer of the source. */
  lent(count: number, isForced: boolean): void {
    if (this.source === null) return;
    this.borrowed += count;
    if (isForced) return;
    this.endTimer();
    if (count > 0) this.serve();
    else this.sourceTimer = setTimeout(() => this.askAgain(), BORROW_EVERY_MS).unref();
  }

  /** The source wants back what no worker has. */
  giveToSource(): void {
    const count = this.waiting.length > 0 ? 0 : Math.max(0, this.free);
    this.borrowed -= count;
    this.source?.giveBack(count, true);
  }

  /** The source has no clients any more, or nobody is asked there: all places are this master's. */
  loseSource(): void {
    this.source = null;
    this.endTimer();
    this.serve();
  }

  /** It is forgotten. */
  close(): void {
    this.endTimer();
    if (this.borrowed > 0) this.source?.giveBack(this.borrowed, false);
    this.source = null;
  }

  private get free(): number {
    let free = this.source === null ? this.limit : Math.min(this.limit, this.borrowed);
    for (const count of this.leases.values()) free -= count;
    return free;
  }

  private serve(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      const { free } = this;
      if (free <= 0 && (this.recalled.size > 0 || this.recallFor(next.worker) || this.borrowFor(next))) return;
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

  /** Whether it is to wait for what the source may have; who has been waiting for it for long is turned away. */
  private borrowFor(next: Waiting): boolean {
    const { source } = this;
    if (source === null) return false;
    if (this.sourceTimer !== null) return !next.asksAgain;
    if (next.tries++ >= BORROW_TRIES) return false;
    // An answer that came while this process was busy is read first.
    const timer = setTimeout(
      () => setImmediate(() => this.sourceTimer === timer && source.onSilent()),
      SOURCE_WITHIN_MS,
    );
    this.sourceTimer = timer.unref();
    source.ask(next.count, this.limit, false);
    return !next.asksAgain;
  }

  private askAgain(): void {
    this.sourceTimer = null;
    this.serve();
  }

  private endTimer(): void {
    if (this.sourceTimer !== null) clearTimeout(this.sourceTimer);
    this.sourceTimer = null;
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
    if (count > 0 && isForced) this.source?.ask(count, this.limit, true);
    this.messenger.grant(worker, count, isForced);
  }
}
