import { Histogram } from './histogram.ts';

/**
 * What requests waited for a server and what it took for them, in one worker, since that was last reported. Those of one
 * pipeline are written together and answered together: they are counted together.
 */
export class ServerTimes {
  private server: Histogram | null = null;
  private queue: Histogram | null = null;
  private queueUs = 0;
  private serverUs = 0;
  /** So many of these are not in the histograms yet. */
  private times = 0;

  /** One was answered. Whole microseconds. */
  record(queueUs: number, serverUs: number): void {
    if (queueUs !== this.queueUs || serverUs !== this.serverUs) {
      if (this.times > 0) this.settle();
      this.queueUs = queueUs;
      this.serverUs = serverUs;
    }
    this.times++;
  }

  /** Null: it has not answered yet. */
  histograms(): readonly [server: Histogram | null, queue: Histogram | null] {
    if (this.times > 0) this.settle();
    return [this.server, this.queue];
  }

  private settle(): void {
    this.server ??= new Histogram();
    this.queue ??= new Histogram();
    this.server.record(this.serverUs, this.times);
    this.queue.record(this.queueUs, this.times);
    this.times = 0;
  }
}
