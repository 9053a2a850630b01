/** The client whose replies they are. */
export interface ReplyQueueOwner {
  /** Requests at the head were answered. */
  onAnswered(): void;
  /** What it sends from now on is not read. */
  stopReading(): void;
  /** Nothing is owed to it, and it may go if it was to. */
  closeWhenDone(): void;
  /** Cuts the connection. */
  destroy(): void;
}
