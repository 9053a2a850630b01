import type { ClientInquiry } from './client-inquiry.ts';

/**
 * The reply to a request that runs others, some of which all workers answer together: what stands in their places waits for that,
 * and so does what comes after it.
 */
export interface AwaitedRun {
  /**
   * Where in `buf[start, end)`, the next piece of the server's reply, the next such place begins; `end`: not in this piece. What
   * follows a place that was found is asked for again, from there.
   */
  placeIn(buf: Buffer, start: number, end: number): number;
  /** What is asked for the place that was found, when all before it is passed on; null: nothing is to be asked any more. */
  ask(): ClientInquiry | null;
  /** It was asked, and this is the answer. */
  answered(reply: Buffer): void;
  /** The rest of the server's reply will not come. */
  end(): void;
}
