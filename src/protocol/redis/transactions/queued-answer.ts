import type { ReplyTransform } from '../../reply-transform.ts';

/** One of a transaction's requests that the server does not know, or not alone, or that changes the client. */
export interface QueuedAnswer {
  /** Which of the transaction's requests it is. */
  readonly place: number;
  /** Makes of the server's reply what the client reads, where that is the server's; null: it reads it as it is. */
  readonly change: ReplyTransform | null;
  /**
   * It has been run. `isError`: so says the server of what kept its place. Returns what the client reads for a reply, or null:
   * what the server says.
   */
  settle(isError: boolean): Buffer | null;
}
