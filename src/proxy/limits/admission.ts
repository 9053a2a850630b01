/** The master's side of the limit, as a worker reaches it. */
export interface LeaseOffice {
  /** Asks for `count` more of the `limit` places; `Admission.granted` hears of it. `isForced`: the clients are here already. */
  ask(count: number, isForced: boolean, limit: number): void;
  /** `isAnswer`: to a recall, also when there is nothing to give. */
  giveBack(count: number, isAnswer: boolean): void;
}

/** Who wants to be among the clients of a pool, an address or a user. */
export interface Newcomer {
  /** It does not want to any more. */
  readonly isGone: boolean;
  /** There is a place for it. */
  admit(): void;
  /** There is none. */
  turnAway(): void;
  /** It was gone when its turn came. */
  dropped(): void;
}

/** Places asked for at once, so that not every connection costs a message. */
const LEASE_MAX = 64;
/** The master's word is waited for so long; then whoever waits is turned away. */
export const ANSWER_WITHIN_MS = 1000;

/**
 * Keeps the clients of a pool over all workers within `client_connections`, or those of an address or a user within their
 * `connections`. The master leases places to the workers; a client that finds none free waits for the master's word, and is let in
 * or turned away.
 */
export class Admission {
  private readonly office: LeaseOffice;
  /** Over all workers; 0: unlimited, and nothing is leased. */
  private limit = 0;
  private leased = 0;
  private used = 0;
  private waiting: Newcomer[] = [];
  private isAsking = false;
  private askTimer: NodeJS.Timeout | null = null;
  private onSettled: (() => void) | null = null;

  constructor(office: LeaseOffice) {
    this.office = office;
  }

  /** Takes another limit; clients that are in stay. */
  setLimit(limit: number): void {
    const wasUnlimited = this.limit === 0;
    this.limit = limit;
    if (limit === 0) {
      if (this.leased > 0) this.giveBack(this.leased, false);
      this.admitWaiting();
    } else if (wasUnlimited && this.used > 0) {
      this.office.ask(this.used, true, limit);
    }
  }

  /** Nobody has a place, nor waits for one. */
  get isIdle(): boolean {
    return this.used === 0 && this.waiting.length === 0;
  }

  /** The master knows nothing of us any more: the pool has another name. */
  reset(): void {
    this.leased = 0;
    this.endAsking();
    if (this.limit === 0) return;
    if (this.used > 0) this.office.ask(this.used, true, this.limit);
    if (this.waiting.length > 0) this.askForMore();
  }

  /** A client knocks: lets it in now, or later, or not at all. */
  enter(newcomer: Newcomer): void {
    if (this.limit === 0 || this.used < this.leased) {
      this.used++;
      newcomer.admit();
      return;
    }
    this.waiting.push(newcomer);
    this.askForMore();
  }

  /** A client that is in already counts from now on, whether there is a place for it or not. */
  occupy(): void {
    this.used++;
    if (this.limit !== 0 && this.used > this.leased) this.office.ask(1, true, this.limit);
  }

  /** A client that was let in is gone. */
  leave(): void {
    this.used--;
    if (this.limit === 0) return;
    const spare = this.leased - this.used;
    const keep = this.leaseSize();
    if (spare >= 2 * keep) this.giveBack(spare - keep, false);
  }

  /** The master's answer to `ask`. None granted: the pool is full. */
  granted(count: number, isForced: boolean): void {
    this.leased += count;
    if (!isForced) this.endAsking();
    if (this.limit === 0) {
      this.giveBack(this.leased, false);
      return;
    }
    this.admitWaiting();
    if (count === 0 && !isForced) {
      this.turnAllAway();
    } else if (this.waiting.length > 0) {
      this.askForMore();
    }
  }

  /** Somebody waits for a place. */
  get isAwaited(): boolean {
    return this.waiting.length > 0;
  }

  /** Resolves when nobody does any more. */
  settled(): Promise<void> {
    return new Promise(resolve => {
      this.onSettled = resolve;
      this.sayIfSettled();
    });
  }

  private sayIfSettled(): void {
    if (this.waiting.length > 0 || this.onSettled === null) return;
    // A promise goes on where node calls back, and a round of sockets is none of that.
    setImmediate(this.onSettled);
    this.onSettled = null;
  }

  /** Nobody is let in any more. */
  close(): void {
    this.endAsking();
    this.turnAllAway();
  }

  /** The master needs places for another worker. */
  recall(): void {
    this.giveBack(this.waiting.length > 0 ? 0 : Math.max(0, this.leased - this.used), true);
  }

  private admitWaiting(): void {
    while (this.waiting.length > 0 && (this.limit === 0 || this.used < this.leased)) {
      const newcomer = this.waiting.shift() as Newcomer;
      if (newcomer.isGone) {
        newcomer.dropped();
        continue;
      }
      this.used++;
      newcomer.admit();
    }
    this.sayIfSettled();
  }

  private askForMore(): void {
    if (this.isAsking) return;
    this.isAsking = true;
    this.office.ask(Math.max(this.leaseSize(), this.waiting.length), false, this.limit);
    // An answer that came while this process was busy is read first.
    const timer = setTimeout(() => setImmediate(() => this.giveUpAsking(timer)), ANSWER_WITHIN_MS);
    this.askTimer = timer.unref();
  }

  /** The master says nothing: it is stopped, or gone. An answer that comes later is welcome all the same. */
  private giveUpAsking(timer: NodeJS.Timeout): void {
    if (this.askTimer !== timer) return;
    this.endAsking();
    this.turnAllAway();
  }

  private endAsking(): void {
    this.isAsking = false;
    if (this.askTimer !== null) clearTimeout(this.askTimer);
    this.askTimer = null;
  }

  private turnAllAway(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const newcomer of waiting) {
      if (newcomer.isGone) newcomer.dropped();
      else newcomer.turnAway();
    }
    this.sayIfSettled();
  }

  private giveBack(count: number, isAnswer: boolean): void {
    this.leased -= count;
    this.office.giveBack(count, isAnswer);
  }

  /** Few where the limit is low, lest places lie idle in one worker while another turns clients away. */
  private leaseSize(): number {
    return Math.max(1, Math.min(LEASE_MAX, this.limit >> 5));
  }
}
