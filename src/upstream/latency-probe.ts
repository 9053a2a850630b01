import type { ReplySink } from '../request/request.ts';
import { Request } from '../request/request.ts';
import { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from './backend.ts';

/** The best of so many: the rest is what they waited for behind others. */
const KEPT = 5;

/** How far away a server is: a cheap request now and then, on the connection that clients share, and what it took. */
export class LatencyProbe implements ReplySink {
  readonly backend: Backend;
  private readonly times: number[] = [];
  private sentAtMs = -1;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** In milliseconds: the best of the last, or for how long the last one is not answered, if that is more. */
  roundTripMs(nowMs: number): number {
    const { times, sentAtMs } = this;
    if (times.length === 0) return Number.POSITIVE_INFINITY;
    const best = Math.min(...times);
    return sentAtMs < 0 ? best : Math.max(best, nowMs - sentAtMs);
  }

  /** Asks, unless it still owes an answer. */
  ask(): void {
    if (this.sentAtMs >= 0) return;
    const { bytes, replyKind } = this.backend.options.protocol.probe;
    this.sentAtMs = performance.now();
    const connection = this.backend.connectionFor(0, 0);
    connection.send(new Request(this, replyKind), new RequestBytes().set(bytes, 0, bytes.length, null), null);
  }

  onReply(_request: Request, _buf: Buffer, _start: number, _end: number, isLast: boolean): void {
    if (!isLast) return;
    if (this.times.push(performance.now() - this.sentAtMs) > KEPT) this.times.shift();
    this.sentAtMs = -1;
  }

  onFailure(): void {
    this.sentAtMs = -1;
  }
}
