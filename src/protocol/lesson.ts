/** What a parser may learn from the servers of its pool, when a client asks for something that it does not know. */
export interface Lesson {
  /** What each server is asked. */
  readonly request: Buffer;
  /** A longer reply is no use. */
  readonly maxReplyBytes: number;
  /** What is unknown may become known: requests for it are ROUTE_UNKNOWN. Else they are refused at once. */
  isDue: boolean;
  /** Takes over the servers' replies, each once where several servers gave the same. */
  learn(replies: readonly Buffer[]): void;
}
