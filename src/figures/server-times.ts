import { Histogram } from './histogram.ts';

/** What requests waited for a server and what it took for them, in one worker, since that was last reported. */
export class ServerTimes {
  /** Null: it has not answered yet. */
  server: Histogram | null = null;
  queue: Histogram | null = null;

  /** One was answered. Whole microseconds. */
  record(queueUs: number, serverUs: number): void {
    if (this.server === null || this.queue === null) {
      this.server = new Histogram();
      this.queue = new Histogram();
    }
    this.queue.record(queueUs);
    this.server.record(serverUs);
  }
}
