/** The two ends of a client's connection, found out when they are asked for. */
export interface ConnectionEnds {
  /** The client's, `10.1.2.3:4711`; of a unix socket, words. */
  readonly peer: string;
  /** Ours, `10.1.2.4:22121` or a path; empty when it is not known. */
  readonly local: string;
  readonly descriptor: number;
}
