/**
 * Two of something that counts, of which the older is emptied and takes its turn once the other has counted for `periodMs`:
 * so together they tell of the last one to two periods.
 */
export class Recent<Counter extends { clear(): void }> {
  current: Counter;
  previous: Counter;
  private readonly periodMs: number;
  private turnedAtMs: number;
  private startedAtMs: number;

  /** `nowMs`: on a clock that does not go back. */
  constructor(make: () => Counter, periodMs: number, nowMs: number) {
    this.current = make();
    this.previous = make();
    this.periodMs = periodMs;
    this.turnedAtMs = nowMs;
    this.startedAtMs = nowMs;
  }

  /** What counts now. */
  at(nowMs: number): Counter {
    const passedMs = nowMs - this.turnedAtMs;
    if (passedMs < this.periodMs) return this.current;
    const { previous } = this;
    previous.clear();
    // Nobody came for so long that what was current is too old as well.
    if (passedMs >= 2 * this.periodMs) this.current.clear();
    this.startedAtMs = passedMs >= 2 * this.periodMs ? nowMs : this.turnedAtMs;
    this.previous = this.current;
    this.current = previous;
    this.turnedAtMs = nowMs;
    return this.current;
  }

  /** The time that both together tell of. */
  coveredMs(nowMs: number): number {
    return nowMs - this.startedAtMs;
  }

  clear(nowMs: number): void {
    this.current.clear();
    this.previous.clear();
    this.turnedAtMs = nowMs;
    this.startedAtMs = nowMs;
  }
}
