import type { LimitOptions } from './limit-options.ts';
import { Limiter, type LimiterHost } from './limiter.ts';

/** An address without clients is remembered so long: it may be back, and owe something. */
const IDLE_KEPT_MS = 10_000;
/** Stands for all addresses that there is no room for. */
const OTHERS = 'others';

/** A limiter for each address that has clients, up to a number; the clients of further ones share one. */
export class AddressLimiters {
  private readonly host: LimiterHost;
  private readonly pool: string;
  private readonly options: LimitOptions;
  private readonly capacity: number;
  private readonly limiters = new Map<string, Limiter>();
  private others: Limiter | null = null;

  constructor(pool: string, options: LimitOptions, capacity: number, host: LimiterHost) {
    this.pool = pool;
    this.options = options;
    this.capacity = capacity;
    this.host = host;
  }

  of(address: string): Limiter {
    const known = this.limiters.get(address);
    if (known !== undefined) return known;
    if (this.limiters.size >= this.capacity && !this.forgetOne()) {
      this.others ??= this.newLimiter(OTHERS);
      return this.others;
    }
    const limiter = this.newLimiter(address);
    this.limiters.set(address, limiter);
    return limiter;
  }

  /** Forgets addresses that have had no clients for a while. */
  sweep(nowMs: number): void {
    for (const [address, limiter] of this.limiters) {
      if (limiter.clients > 0 || nowMs - limiter.idleSinceMs < IDLE_KEPT_MS) continue;
      this.limiters.delete(address);
      limiter.close();
    }
  }

  *all(): Iterable<Limiter> {
    yield* this.limiters.values();
    if (this.others !== null) yield this.others;
  }

  close(): void {
    for (const limiter of this.all()) limiter.close();
    this.limiters.clear();
  }

  /** One without clients; what it owes is with the master. */
  private forgetOne(): boolean {
    for (const [address, limiter] of this.limiters) {
      if (limiter.clients > 0) continue;
      this.limiters.delete(address);
      limiter.close();
      return true;
    }
    return false;
  }

  private newLimiter(name: string): Limiter {
    const limiter = new Limiter({ pool: this.pool, scope: 'address', name }, this.options, this.host);
    limiter.idleSinceMs = this.host.clock.turnMs();
    return limiter;
  }
}
