// What becomes of a reply on its way to the client.
import type { FailureReason } from '../request/failure.ts';

/** Takes what a transform makes. */
export interface TransformOut {
  /** The client reads `buf[start, end)` next, which must stay as it is until `ReplyTransform.piece` returns. */
  append(buf: Buffer, start: number, end: number): void;
}

/** Turns the server's reply to one request into what its client reads, piece by piece. */
export interface ReplyTransform {
  /**
   * The next piece of the reply is `buf[start, end)`, which may begin and end anywhere and may be empty; it is valid during
   * the call. With `isLast` the reply is complete. Nothing appended to the end: the client reads nothing.
   */
  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: TransformOut): void;
  /**
   * What the client reads when there is no reply, and nothing was appended before: bytes that are never written to again,
   * empty for nothing, null for `Protocol.failureReply`.
   */
  failure(reason: FailureReason): Buffer | null;
}
