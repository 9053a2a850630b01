// What a server may lack for a request, and how it is given that.

/** Something that a server is given, a script for instance. The same object each time for the same thing. */
export interface Gift {
  /** The request that gives it; its reply is dropped. */
  readonly request: Buffer;
  /** A connection to a server that has been given it needs it no more. */
  readonly isLasting: boolean;
  /** Asks a server that was given it whether it has it still; null: nobody takes it away. */
  readonly check: GiftCheck | null;
}

export interface GiftCheck {
  readonly request: Buffer;
  /** The whole reply of a server that has it not. */
  readonly absent: Buffer;
}

/** What one request needs of its server. */
export interface Remedy {
  /** In the order in which they are given. */
  readonly gifts: readonly Gift[];
  /** Each connection is given them ahead of the request; else only a server is that says it lacks them. */
  readonly isGivenAhead: boolean;
  /** Those that have copies of a primary's data can be given it, too. */
  readonly isForReplicas: boolean;
  /** The server whose whole reply is `buf[start, end)` says that it lacks them. */
  isLacking(buf: Buffer, start: number, end: number): boolean;
  /** One of the replies that a transaction has in this piece seems to say so. */
  isLackingInside(buf: Buffer, start: number, end: number): boolean;
}
