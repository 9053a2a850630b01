/** One of a transaction's requests that the server does not know, or that changes the client. */
export interface QueuedAnswer {
  /** Which of the transaction's requests it is. */
  readonly place: number;
  /**
   * It has been run. `isError`: so says the server of what kept its place. Returns what the client reads for a reply, or null:
   * what the server says.
   */
  settle(isError: boolean): Buffer | null;
}
