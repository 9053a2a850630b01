import type { AuditEntry } from '../figures/audit-entry.ts';
import { AuditTrail } from '../proxy/insight/audit-trail.ts';

/** `then`: the channel took it, or is gone. */
export type TellAudit = (entries: readonly AuditEntry[], dropped: number, then: () => void) => void;

/** Brings what an audit log has from a worker to the master: one message at a time, so that no more wait than the trail holds. */
export class AuditNews {
  readonly trail: AuditTrail = new AuditTrail(() => this.found());
  private readonly tell: TellAudit;
  private isTelling = false;
  private toldDropped = 0;

  constructor(tell: TellAudit) {
    this.tell = tell;
  }

  private found(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    // With all that comes in this turn.
    setImmediate(() => this.tellNow());
  }

  private tellNow(): void {
    const entries = this.trail.take();
    const { dropped } = this.trail;
    this.isTelling = entries.length > 0 || dropped > this.toldDropped;
    if (!this.isTelling) return;
    this.tell(entries, dropped - this.toldDropped, () => this.tellNow());
    this.toldDropped = dropped;
  }
}
