/** A request on a connection of the sweep's own. */
export interface ListingRequest {
  readonly bytes: Buffer;
  readonly replyKind: number;
  /** To be waited before it is sent. */
  readonly pauseMs: number;
  /** Its reply may take as long as the whole sweep. */
  readonly isLong: boolean;
}

/**
 * What a server tells at length, on a connection that nobody else waits behind. It is read as fast as it comes, whatever becomes of
 * the steps beside it: a server may hold locks while it writes, which the steps need. Who can't keep up has it cut off.
 */
export interface Listing {
  /** Nothing more is wanted of it. */
  readonly isOver: boolean;
  /** What is to be asked now; null: nothing more. */
  next(): ListingRequest | null;
  /**
   * A piece of the reply is `buf[start, end)`, valid during the call. False: the connection is to be closed; unless it is over it
   * begins again on another, once no step has anything to do.
   */
  read(buf: Buffer, start: number, end: number, isLast: boolean): boolean;
  /** What the client reads since it can't go on; null: it can. */
  readonly refusal: Buffer | null;
}

/** What one server is asked, in steps. */
export interface ServerSweep {
  /** Requests that go out one after the other; none: the server has told all that is wanted of it, or `listing` has to. */
  step(): readonly Buffer[];
  /** Takes their replies, each whole, in the order of the requests. What the client reads since it can't go on; null: it can. */
  take(replies: readonly Buffer[]): Buffer | null;
  /** What goes on beside the steps; null: nothing. */
  readonly listing: Listing | null;
  /** Bytes of what it keeps. */
  readonly keptBytes: number;
}

/** Of a pool between two rings. */
export interface MovingKeys {
  /** The key `name` is another server's by the second ring. */
  has(name: Buffer): boolean;
  /** Servers of the first ring are through; those of the second come now. */
  readonly isSecondRound: boolean;
}

/** A request about all keys of a client that has a part of those of the servers only: each is asked for them, step by step. */
export interface KeySweep {
  /** Keys are removed: all servers must be there. */
  readonly removes: boolean;
  /** Servers have come or gone, or keys began to move or ended: all are asked anew, and nothing that was told counts. */
  restart(): void;
  /**
   * For one server, and one database of it. `isOfSlots`: it takes no request for keys of several slots. `moving`: while keys go from
   * one ring to another, null else.
   */
  begin(isOfSlots: boolean, moving: MovingKeys | null): ServerSweep;
  /** All are through, but keys were not where they were looked for: true if all servers are to be asked anew. */
  beginAgain(): boolean;
  /** What the client reads once all are through. */
  reply(): Buffer;
  /** Bytes of what is kept beside what is of one server. */
  readonly keptBytes: number;
  /** The replies of a step may have so many bytes; with more the client reads `tooLarge`. */
  readonly maxBytes: number;
  readonly tooLarge: Buffer;
  /** What it reads when it took too long. */
  readonly overdue: Buffer;
  /** What it reads when it has waited for too long behind others. */
  readonly neverBegun: Buffer;
}
