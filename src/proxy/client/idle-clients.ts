import type { Clock } from '../../loop/clock.ts';

export interface IdleClient {
  /** Nothing is owed to it, and it has sent nothing since `sinceMs` on the worker's clock. */
  isIdle(sinceMs: number): boolean;
  drain(): void;
}

const LOOK_MIN_MS = 10;

/** Closes the clients of a pool that are silent for too long. */
export class IdleClients {
  private readonly clients: readonly IdleClient[];
  private readonly clock: Clock;
  private readonly stats: { idleCloses: number };
  private timer: NodeJS.Timeout | null = null;

  constructor(clients: readonly IdleClient[], clock: Clock, stats: { idleCloses: number }) {
    this.clients = clients;
    this.clock = clock;
    this.stats = stats;
  }

  /** Looks through all clients a few times per timeout, so a client is closed at most a quarter of it too late; 0: not at all. */
  watch(timeoutMs: number): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    if (timeoutMs <= 0) return;
    // As the clock's own ticks: by the time of the timer, after all that had come by then was read.
    const look = () => void setImmediate(() => this.close(this.clock.refresh() - timeoutMs));
    this.timer = setInterval(look, Math.max(LOOK_MIN_MS, timeoutMs / 4)).unref();
  }

  private close(sinceMs: number): void {
    for (const client of this.clients) {
      if (!client.isIdle(sinceMs)) continue;
      this.stats.idleCloses++;
      client.drain();
    }
  }
}
