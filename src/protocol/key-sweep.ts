/** What one server is asked, in steps. */
export interface ServerSweep {
  /** Requests that go out one after the other; none: the server has told all that is wanted of it. */
  step(): readonly Buffer[];
  /** Takes their replies, each whole, in the order of the requests. What the client reads since it can't go on; null: it can. */
  take(replies: readonly Buffer[]): Buffer | null;
  /** Bytes of what it keeps. */
  readonly keptBytes: number;
}

/** A request about all keys of a client that has a part of those of the servers only: each is asked for them, step by step. */
export interface KeySweep {
  /** Keys are removed: none may get by to where was looked already. */
  readonly removes: boolean;
  /** For one server, and one database of it. `isOfSlots`: it takes no request for keys of several slots. */
  begin(isOfSlots: boolean): ServerSweep;
  /** All are through, but keys were not where they were looked for: true if all servers are to be asked anew. */
  beginAgain(): boolean;
  /** What the client reads once all are through. */
  reply(): Buffer;
  /** The replies of a step may have so many bytes; with more the client reads `tooLarge`. */
  readonly maxBytes: number;
  readonly tooLarge: Buffer;
  /** What it reads when it took too long. */
  readonly overdue: Buffer;
}
