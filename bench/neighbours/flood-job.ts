/** What floods, and how. */
export interface FloodJob {
  readonly port: number;
  /** Null: nobody signs in. */
  readonly user: string | null;
  readonly connections: number;
  /** Sent again by each connection when all of it is answered; a character a byte. */
  readonly request: string;
  /** To one of these. */
  readonly replies: number;
  readonly replyBytes: number;
}
