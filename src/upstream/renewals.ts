/** Connections to a server that is out of service are made anew no more often. */
const PAUSE_MS = 1000;
/** A server that has been in service for so long is well again. */
const FORGOTTEN_MS = 5000;

/** When connections were replaced because their server was out of service. */
export class Renewals {
  /** So many before the last one, each soon after the other. */
  before = 0;
  private lastAtMs = Number.NEGATIVE_INFINITY;

  /** They may be replaced now, and are; false: they were just now. */
  begin(nowMs: number): boolean {
    const sinceMs = nowMs - this.lastAtMs;
    if (sinceMs < PAUSE_MS) return false;
    this.lastAtMs = nowMs;
    this.before = sinceMs < FORGOTTEN_MS ? this.before + 1 : 0;
    return true;
  }

  forget(): void {
    this.before = 0;
  }
}
