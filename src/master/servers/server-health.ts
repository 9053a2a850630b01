import { FlapPenalty } from '../../placement/flap-penalty.ts';

/** Probes in a row that change the verdict on a server. */
export interface HealthRules {
  readonly failures: number;
  readonly successes: number;
}

/**
 * The verdict on one server, from what its probes say.
 *
 *            `failures` in a row
 *     up ─────────────────────────▶ down
 *      ◀───────────────────────────
 *        `successes` in a row, times the penalty of a server that keeps toggling
 */
export class ServerHealth {
  isUp = true;
  /** While down: what its last failed probe said. */
  why: string | null = null;
  private against = 0;
  private readonly penalty = new FlapPenalty();

  /** `why` the probe failed, or null. True when the verdict is another now. */
  observe(why: string | null, nowMs: number, rules: HealthRules): boolean {
    if (why !== null && !this.isUp) this.why = why;
    if ((why === null) === this.isUp) {
      this.against = 0;
      return false;
    }
    this.against++;
    if (this.against < (this.isUp ? rules.failures : this.successesNeeded(rules))) return false;
    this.against = 0;
    this.isUp = !this.isUp;
    this.why = why;
    if (this.isUp) this.penalty.cameBack(nowMs);
    else this.penalty.wentDown(nowMs);
    return true;
  }

  /** It is down by the verdict of another process. */
  stayDown(why: string, nowMs: number): void {
    this.isUp = false;
    this.why = why;
    this.penalty.wentDown(nowMs);
  }

  /** Probes in a row that must succeed before the server is up again. */
  successesNeeded({ successes }: HealthRules): number {
    return successes * this.penalty.factor;
  }
}
