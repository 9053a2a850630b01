/** What is said of a transaction that no server knows of yet, or that none may run. Replies are never written to again. */
export interface TransactionWords {
  /** The request that opens one, and what a server answers to it. */
  readonly open: Buffer;
  readonly opened: Buffer;
  /** The request that gives one up, and what a server answers to it. */
  readonly discard: Buffer;
  readonly discarded: Buffer;
  /** The reply to a request that became part of it. */
  readonly queued: Buffer;
  /** The reply to one that was run and that nothing is part of. */
  readonly ranNothing: Buffer;
  /** The reply to one that is not run because something of it was refused. */
  readonly aborted: Buffer;
  /** A server answers to one that it does not run because it has refused something of it. */
  isAborted(reply: Buffer): boolean;
  /** As `aborted`, for what the server has refused with `error`. */
  abortedFor(error: Buffer): Buffer;
  /** To a client of this variant: it was not run, because keys that were watched have changed. */
  notRun(variant: number): Buffer;
}
