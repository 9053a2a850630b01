import type { Log } from '../../system/log.ts';

/** The log says again that clients are turned away for want of files. */
const AGAIN_MS = 10_000;

/** Says that clients of a pool find no room, now and then while it is so. */
export class FullRoomLog {
  private saidAtMs = Number.NEGATIVE_INFINITY;

  say(log: Log, pool: string, clientsOfWorker: number, nowMs: number): void {
    if (nowMs - this.saidAtMs < AGAIN_MS) return;
    this.saidAtMs = nowMs;
    log.warn({ pool, clientsOfWorker }, 'clients are turned away: more would take the open files that servers need');
  }
}
