import type { Clock } from '../../loop/clock.ts';
import type { RateShare } from './rate-share.ts';
import { type LimitedClient, WaitingClients } from './waiting-clients.ts';

/** What is slowed waits so long at most: what comes then may be to be refused, and its client should hear so. */
const SLOWED_MAX_MS = 250;

/**
 * Those who ask for more of what is never refused than a limit allows, where what is over it is refused: no error says it to them, so
 * what they send next waits, until the limit is no longer a burst in debt. Others do not wait behind them.
 */
export class FloodBrake extends WaitingClients {
  private readonly clock: Clock;
  /** The first of them may go on then. */
  private nextAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    super();
    this.clock = clock;
  }

  /** Charges what the client has sent, which the others pay for with a burst at most, however much it is. */
  charge(client: LimitedClient, share: RateShare | null, amount: number): void {
    if (share === null || share.takeWithin(amount)) return;
    const nowMs = this.clock.turnMs();
    client.slow(nowMs + Math.min(SLOWED_MAX_MS, share.msUntilWithin(amount, nowMs)), share.name);
  }

  override add(client: LimitedClient): void {
    super.add(client);
    this.nextAtMs = Math.min(this.nextAtMs, client.slowedUntilMs);
  }

  /** Until somebody may go on; infinite: nobody waits. */
  msUntilNext(nowMs: number): number {
    return this.nextAtMs - nowMs;
  }

  /** Lets those go on whose time has come, or all; returns how many, those who are gone among them. */
  ease(nowMs: number, areAll: boolean): number {
    if (this.length === 0) return 0;
    this.nextAtMs = Number.POSITIVE_INFINITY;
    return this.serve(Number.POSITIVE_INFINITY, client => {
      if (areAll || client.slowedUntilMs <= nowMs) return true;
      this.nextAtMs = Math.min(this.nextAtMs, client.slowedUntilMs);
      return false;
    });
  }
}
