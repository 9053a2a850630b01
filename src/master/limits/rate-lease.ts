import { performance } from 'node:perf_hooks';

/** How the master reaches a worker about one rate. */
export interface RateMessenger {
  grant(worker: number, units: number, tokens: number): void;
  /** Has it give back what it does not need, and all above `keep`; false when the worker is not there to answer. */
  recall(worker: number, keep: number): boolean;
}

/** A rate over all workers; see `RateLimit` in proxy/limits/rate-share.ts. */
export interface SharedRate {
  readonly perMs: number;
  readonly capacity: number;
  readonly units: number;
}

/** The master before this one, which leases to it as to a worker of its own, as long as clients are left there. */
export interface RateSource {
  ask(units: number): void;
  give(units: number, tokens: number, isAnswer: boolean): void;
}

/** A worker that has asked for more so lately takes part when units are divided. */
const WANTED_LATELY_MS = 1000;
/** Sums of fractions may lack so much of a whole. */
const ROUNDING = 1e-6;
/** What workers have is looked through so often for those who ask in vain. */
export const RECALL_EVERY_MS = 100;
/** The master after this one hears of it so soon, whether all workers have said what they can spare or not. */
const MASTER_TOLD_WITHIN_MS = 300;

interface Holder {
  units: number;
  /** It asks for so many more, and stands in line; 0: it does not. */
  wants: number;
  wantedAtMs: number;
  /** It was asked to give back, and has not answered: it is not asked again before. */
  isRecalled: boolean;
  /** How much it was left then at most. */
  keep: number;
  /** It knows that there is nothing for it for now. */
  isTold: boolean;
  /** It is the master after this one: should a worker of ours hang, it must not take us for silent. */
  isMaster: boolean;
}

/**
 * One rate that is leased to the workers in units, and the units that none has: they fill as those that are leased do. Tokens go
 * with the units they are in, so that none is made by moving them. Who asks for more stands in line until there is some; nobody
 * waits for an answer.
 *
 * A master that has taken another's place begins with nothing: it leases from the one before it what that one's workers can spare, and
 * leases it to its own. All is its own once the other has ended (`loseSource`).
 */
export class RateLease {
  readonly rate: SharedRate;
  private readonly messenger: RateMessenger;
  private readonly clock: () => number;
  private readonly holders = new Map<number, Holder>();
  /** Workers, first come first served. */
  private readonly line: number[] = [];
  private free: number;
  private tokens: number;
  private filledAtMs: number;
  private recalledAtMs = Number.NEGATIVE_INFINITY;
  /** Null: all units are this master's. */
  private source: RateSource | null;
  /** Units that are not the source's. */
  private owned: number;
  /** The source was asked, and has not spoken since; else infinite. */
  private askedAtMs = Number.POSITIVE_INFINITY;

  constructor(
    rate: SharedRate,
    messenger: RateMessenger,
    source: RateSource | null = null,
    clock = () => performance.now(),
  ) {
    this.rate = rate;
    this.messenger = messenger;
    this.clock = clock;
    this.source = source;
    this.owned = source === null ? rate.units : 0;
    this.free = this.owned;
    this.tokens = source === null ? rate.capacity : 0;
    this.filledAtMs = clock();
  }

  /** Nobody has anything of it, and it is as if nobody had ever; or the source knows. */
  get isUnused(): boolean {
    this.fill();
    if (this.free !== this.owned || this.line.length > 0) return false;
    return this.source === null ? this.tokens >= this.rate.capacity : this.askedAtMs === Number.POSITIVE_INFINITY;
  }

  /** It is forgotten. */
  close(): void {
    this.fill();
    if (this.source !== null && this.free > 0) this.source.give(this.free, this.tokens, false);
  }

  /** For so long the source owes an answer; see `RateLeases`. */
  sourceSilentMs(): number {
    return Math.max(0, this.clock() - this.askedAtMs);
  }

  /** What this master has by now of all tokens, as it ends: what workers had and did not give back is gone. */
  left(): number {
    this.fill();
    return this.tokens;
  }

  /** The word of the source: to `ask`, or because it has some by now. */
  lent(units: number, tokens: number): void {
    this.askedAtMs = Number.POSITIVE_INFINITY;
    // What comes yet was told of with all the rest.
    if (this.source === null) return;
    this.fill();
    this.owned += units;
    this.free += units;
    this.tokens = Math.min(this.tokens + tokens, this.capacityOf(this.free));
    // Who has none is asked again a while later, and those who wait hear of it meanwhile.
    if (units > 0) this.serve();
    this.tellLine();
  }

  /** The source lacks some: this master should have `keep` units at most. It gives what no worker has, and has its workers give. */
  recalled(keep: number): void {
    const { source } = this;
    if (source === null) return;
    this.fill();
    const { free: units, tokens } = this;
    this.owned -= units;
    this.free = 0;
    this.tokens = 0;
    if (this.owned > keep) this.recall(keep);
    source.give(units, tokens, true);
  }

  /** All units are this master's now, with so many tokens in those that it did not have. */
  loseSource(tokens: number): void {
    if (this.source === null) return;
    this.fill();
    this.source = null;
    this.askedAtMs = Number.POSITIVE_INFINITY;
    const units = this.rate.units - this.owned;
    this.owned = this.rate.units;
    this.free += units;
    this.tokens += Math.min(tokens, this.capacityOf(units));
    this.serve();
    this.tellLine();
  }

  /** `isMaster`: it is the one after this one. */
  ask(worker: number, units: number, isMaster = false): void {
    const holder = this.holders.get(worker) ?? {
      units: 0,
      wants: 0,
      wantedAtMs: 0,
      isRecalled: false,
      keep: 0,
      isTold: false,
      isMaster,
    };
    this.holders.set(worker, holder);
    if (holder.wants === 0) this.line.push(worker);
    if (isMaster) holder.isTold = false;
    holder.wants = Math.max(1, units);
    holder.wantedAtMs = this.clock();
    this.serve();
  }

  give(worker: number, units: number, tokens: number, isAnswer: boolean): void {
    const holder = this.holders.get(worker);
    if (holder === undefined) return;
    this.fill();
    holder.units -= units;
    if (isAnswer) {
      holder.isRecalled = false;
      // It had asked when it needed more; it may ask again.
      if (units > 0 && holder.units < holder.keep && holder.wants > 0) {
        this.leaveLine(worker, holder);
        this.messenger.grant(worker, 0, 0);
      }
    }
    this.free += units;
    this.tokens = Math.min(this.tokens + tokens, this.capacityOf(this.free));
    this.serve();
    if (isAnswer) this.tellLine();
  }

  /** The worker is gone, and what it had not used with it. */
  retire(worker: number): void {
    const holder = this.holders.get(worker);
    if (holder === undefined) return;
    this.fill();
    this.holders.delete(worker);
    this.free += holder.units;
    this.leaveLine(worker, holder);
    this.serve();
    this.tellLine();
  }

  /** To be called every `RECALL_EVERY_MS`. */
  look(): void {
    this.serve();
    const nowMs = this.clock();
    for (const worker of this.line) {
      const holder = this.holders.get(worker) as Holder;
      if (holder.isMaster && nowMs - holder.wantedAtMs >= MASTER_TOLD_WITHIN_MS) this.tell(worker, holder);
    }
  }

  /** Whoever stands in line when all have said what they can spare has heard of us, and need not guess. */
  private tellLine(): void {
    if (this.askedAtMs !== Number.POSITIVE_INFINITY) return;
    for (const { isRecalled } of this.holders.values()) if (isRecalled) return;
    for (const worker of this.line) this.tell(worker, this.holders.get(worker) as Holder);
  }

  private tell(worker: number, holder: Holder): void {
    if (holder.isTold) return;
    holder.isTold = true;
    this.messenger.grant(worker, 0, 0);
  }

  private leaveLine(worker: number, holder: Holder): void {
    holder.wants = 0;
    const place = this.line.indexOf(worker);
    if (place >= 0) this.line.splice(place, 1);
  }

  private serve(): void {
    for (let worker = this.line[0]; worker !== undefined; worker = this.line[0]) {
      if (this.free === 0) {
        this.borrow();
        this.recall();
        return;
      }
      this.line.shift();
      const holder = this.holders.get(worker) as Holder;
      const units = Math.min(holder.wants, this.free);
      holder.wants = 0;
      holder.isTold = false;
      this.fill();
      const tokens = this.tokensFor(units);
      this.tokens -= tokens;
      this.free -= units;
      holder.units += units;
      this.messenger.grant(worker, units, tokens);
    }
  }

  /** Whoever stands in line may have some of the source. */
  private borrow(): void {
    const { source, rate, owned, line } = this;
    if (source === null || this.askedAtMs !== Number.POSITIVE_INFINITY || owned === rate.units) return;
    this.askedAtMs = this.clock();
    let wants = 0;
    for (const worker of line) wants += (this.holders.get(worker) as Holder).wants;
    source.ask(Math.min(wants, rate.units - owned));
  }

  /** From each what it does not need, and all above what is its due; of `units`, where not all are to be had. */
  private recall(units = this.rate.units): void {
    const nowMs = this.clock();
    if (nowMs - this.recalledAtMs < RECALL_EVERY_MS) return;
    this.recalledAtMs = nowMs;
    let sharing = 0;
    // Whoever has some may need it, and does not ask.
    for (const { units, wants, wantedAtMs } of this.holders.values()) {
      if (units > 0 || wants > 0 || nowMs - wantedAtMs < WANTED_LATELY_MS) sharing++;
    }
    const keep = Math.floor(units / sharing);
    for (const [worker, holder] of this.holders) {
      if (holder.units === 0 || holder.isRecalled) continue;
      holder.keep = keep;
      holder.isRecalled = this.messenger.recall(worker, keep);
    }
  }

  /** For so many of the free units: their part, but no request in pieces of which nobody could use any. */
  private tokensFor(units: number): number {
    const { tokens, free } = this;
    // A debt is for all who get some, in parts.
    if (units === free || tokens <= 0) return (tokens * units) / free;
    return Math.min(tokens, this.capacityOf(units), Math.ceil((tokens * units) / free - ROUNDING));
  }

  private capacityOf(units: number): number {
    return (this.rate.capacity * units) / this.rate.units;
  }

  private fill(): void {
    const nowMs = this.clock();
    const filled = this.tokens + ((nowMs - this.filledAtMs) * this.rate.perMs * this.free) / this.rate.units;
    this.filledAtMs = nowMs;
    this.tokens = Math.min(filled, this.capacityOf(this.free));
  }
}
