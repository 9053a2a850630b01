import { expectedBytesAfter } from '../../request/expected-bytes.ts';
import type { RateShare } from './rate-share.ts';

/**
 * What the replies that are awaited take of a rate of bytes: nobody knows before they are there, so a request is charged what the last
 * replies had, and what its own had once it is answered. Charged only then, all who wait would go on as soon as there is anything, and
 * be let through together, however much more than a burst their replies have.
 */
export class ReplyReserve {
  private readonly share: RateShare;
  private requests = 0;
  /** Charged for these. */
  private bytes = 0;
  /** What the next reply is likely to have. */
  private expectedBytes = 0;

  constructor(share: RateShare) {
    this.share = share;
  }

  asked(): void {
    this.requests++;
    this.bytes += this.expectedBytes;
    this.share.take(this.expectedBytes);
  }

  /** So many are answered, or their client is gone. What they had, if anything, is told by `replied`. */
  answered(requests: number): void {
    if (requests === 0) return;
    const back = (this.bytes * requests) / this.requests;
    this.requests -= requests;
    this.bytes -= back;
    this.share.take(-back);
  }

  /** A reply of so many bytes was given to a client. */
  replied(bytes: number): void {
    this.share.take(bytes);
    this.expectedBytes = expectedBytesAfter(bytes, this.expectedBytes);
  }

  /** So many requests may go on now, by what their replies are likely to have. */
  fitting(nowMs: number): number {
    return this.expectedBytes === 0 ? Number.POSITIVE_INFINITY : this.share.available(nowMs) / this.expectedBytes;
  }
}
