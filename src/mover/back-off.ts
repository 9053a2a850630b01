/** An answer within this is quick enough wherever it comes from. */
const QUICK_MS = 2;
/** One that takes so many times what the quickest took tells of others that wait. */
const TIMES = 3;
/** The quickest is forgotten by so much with each answer: the way to a server may have become another. */
const FORGOTTEN = 1.01;
const LONGER = 2;
const SHORTER = 0.7;
const MAX_FACTOR = 32;

/**
 * How many times longer than usual servers are left to others between two steps, by how long they take to answer who asks for
 * nothing: longer as soon as they are late, and back to once when they are no more. They are never left alone for good.
 */
export class BackOff {
  private quickestMs = Number.POSITIVE_INFINITY;
  factor = 1;

  answered(ms: number): void {
    this.quickestMs = Math.min(ms, this.quickestMs * FORGOTTEN);
    const isLate = ms > Math.max(QUICK_MS, this.quickestMs * TIMES);
    this.factor = isLate ? Math.min(MAX_FACTOR, this.factor * LONGER) : Math.max(1, this.factor * SHORTER);
  }
}
