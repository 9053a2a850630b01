import { setTimeout as delay } from 'node:timers/promises';

/** So much of a second's bytes may be taken at once after a pause. */
const BURST = 0.1;

const LOOK_EVERY_MS = 100;

/** Lets bytes pass at a rate: a bucket of tokens that may be overdrawn by one step. */
export class Pace {
  private bytesPerSecond: number;
  private tokens = 0;
  private filledAtMs: number;
  private readonly nowMs: () => number;

  constructor(bytesPerSecond: number, nowMs: () => number = () => performance.now()) {
    this.bytesPerSecond = bytesPerSecond;
    this.nowMs = nowMs;
    this.filledAtMs = nowMs();
  }

  set(bytesPerSecond: number): void {
    this.fill();
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when `bytes` may be moved, or there is no more time to wait: `isUrgent` is asked now and then. */
  async take(bytes: number, isUrgent: () => Promise<boolean> = async () => false): Promise<void> {
    // The pace may be another one soon.
    for (let waitMs = this.reserve(bytes); waitMs > 0; waitMs = this.reserve(0)) {
      await delay(Math.min(waitMs, LOOK_EVERY_MS));
      if (await isUrgent()) return;
    }
  }

  /** Takes them, and says how long to wait first. */
  reserve(bytes: number): number {
    this.fill();
    this.tokens -= bytes;
    return this.tokens >= 0 ? 0 : (-this.tokens / this.bytesPerSecond) * 1000;
  }

  private fill(): void {
    const nowMs = this.nowMs();
    const gained = ((nowMs - this.filledAtMs) / 1000) * this.bytesPerSecond;
    this.tokens = Math.min(this.bytesPerSecond * BURST, this.tokens + gained);
    this.filledAtMs = nowMs;
  }
}
