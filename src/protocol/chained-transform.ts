import type { FailureReason } from '../request/failure.ts';
import type { ReplyTransform, TransformOut } from './reply-transform.ts';

/** What the first makes of a reply is what the second gets. */
export class ChainedTransform implements ReplyTransform, TransformOut {
  private readonly first: ReplyTransform;
  private readonly second: ReplyTransform;
  private out: TransformOut | null = null;

  constructor(first: ReplyTransform, second: ReplyTransform) {
    this.first = first;
    this.second = second;
  }

  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: TransformOut): void {
    this.out = out;
    this.first.piece(buf, start, end, isLast, this);
    // What the first appended may have been all, or nothing.
    if (isLast) this.second.piece(buf, end, end, true, out);
    this.out = null;
  }

  append(buf: Buffer, start: number, end: number): void {
    this.second.piece(buf, start, end, false, this.out as TransformOut);
  }

  failure(reason: FailureReason): Buffer | null {
    return this.first.failure(reason) ?? this.second.failure(reason);
  }
}

/** Both, one after the other; null: there is nothing to be changed. */
export function chained(first: ReplyTransform | null, second: ReplyTransform | null): ReplyTransform | null {
  return first === null ? second : second === null ? first : new ChainedTransform(first, second);
}
