import type { Clock } from '../../loop/clock.ts';

/** A client is let go when it has had all its answers and has been silent for this long, … */
const QUIET_MS = 100;
/** … one that has said nothing yet, and may be about to, after this long; one that talks on then with its next answer, … */
const GRACE_MS = 1000;
/** … or, when it is never without a request, between two of them after this long. */
const TALKING_MS = 2000;
const LOOK_MS = 25;

/** A client as it is let go. */
export interface LeavingClient {
  /** It has its answers, and has sent nothing since `sinceMs` on the worker's clock. */
  isQuiet(sinceMs: number): boolean;
  /** On the worker's clock: since when requests of it are read. */
  readonly connectedAtMs: number;
  /** Since then. */
  readonly isSilent: boolean;
  /** Closes with the answer that leaves nothing to be answered: who waits for that asks nothing meanwhile. */
  leaveWhenAnswered(): void;
  /** Closes now, or once what was read is answered. What is on its way is lost. */
  drain(): void;
}

/** Lets clients go that are to connect elsewhere, each when least is lost by it. */
export class ClientDrain {
  private readonly clients: readonly LeavingClient[];
  private readonly timer: NodeJS.Timeout;
  private readonly startedAtMs: number;

  /** `clients`: those that are there, as they come and go. */
  constructor(clients: readonly LeavingClient[], clock: Clock) {
    this.clients = clients;
    this.startedAtMs = clock.refresh();
    // By the time of the timer, after all that had come by then was read.
    const look = (nowMs: number) => this.look(nowMs);
    this.timer = setInterval(() => void setImmediate(look, clock.refresh()), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(nowMs: number): void {
    for (const client of this.clients) {
      // Some are only let in now: behind their PROXY header, their handshake, the limit of clients.
      const sinceMs = nowMs - Math.max(this.startedAtMs, client.connectedAtMs);
      const mayLeave = client.isSilent ? sinceMs >= GRACE_MS : client.isQuiet(nowMs - QUIET_MS);
      if (mayLeave || sinceMs >= TALKING_MS) client.drain();
      else if (sinceMs >= GRACE_MS) client.leaveWhenAnswered();
    }
  }
}
