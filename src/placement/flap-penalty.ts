/** A server that goes down so soon after its return has not recovered: it toggles. */
export const FLAP_WINDOW_MS = 10 * 60_000;
/** 2⁵: what has to pass before the return grows by no more than this. */
const MAX_DOUBLINGS = 5;

/**
 * Keeps a server that goes down again and again out longer each time, because every change of the ring moves keys.
 * What has to pass before its return (a pause, a number of probes) is to be multiplied by `factor`: twice as much each
 * time it goes down within ten minutes of its return, and as before once it has stayed longer.
 */
export class FlapPenalty {
  /** A power of 2, from 1 to 32. */
  factor = 1;
  private doublings = 0;
  private backAtMs = Number.NEGATIVE_INFINITY;

  wentDown(nowMs: number): void {
    const isToggling = nowMs - this.backAtMs < FLAP_WINDOW_MS;
    this.doublings = isToggling ? Math.min(MAX_DOUBLINGS, this.doublings + 1) : 0;
    this.factor = 2 ** this.doublings;
  }

  cameBack(nowMs: number): void {
    this.backAtMs = nowMs;
  }
}
