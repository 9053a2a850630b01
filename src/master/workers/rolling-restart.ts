import type { Log } from '../../system/log.ts';
import { IncompleteError, RefusedError } from '../errors.ts';
import { elapsedMs, SERVING_WITHIN_MS, type WorkerDone } from './progress.ts';
import type { WorkerSlot } from './worker-slot.ts';

export interface RestartResult {
  readonly workers: readonly (WorkerDone & { readonly oldPid: number; readonly clientsCut: number })[];
  readonly tookMs: number;
}

export interface RollingRestartHost {
  readonly log: Log;
  slots(): readonly WorkerSlot[];
  /** Runs `change` when other changes of the workers are done. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
  /** Throws a RefusedError. */
  refuseUnlessRunning(): void;
}

/** Replaces the workers one by one, each by a successor that serves before it leaves. */
export class RollingRestart {
  private readonly host: RollingRestartHost;
  private isRunning = false;

  constructor(host: RollingRestartHost) {
    this.host = host;
  }

  /**
   * Rejects with a RefusedError while one runs already, with an IncompleteError when a successor does not come up: then the
   * rest is left as it is. `by`: who asked.
   */
  async run(by: string): Promise<RestartResult> {
    this.host.refuseUnlessRunning();
    if (this.isRunning) throw new RefusedError('the workers are being restarted already');
    this.isRunning = true;
    try {
      return await this.oneByOne(by);
    } catch (error) {
      this.host.log.error({ by, reason: (error as Error).message }, 'not all workers were replaced');
      throw error;
    } finally {
      this.isRunning = false;
    }
  }

  private async oneByOne(by: string): Promise<RestartResult> {
    const { host } = this;
    const startedAtMs = performance.now();
    const workers: RestartResult['workers'][number][] = [];
    for (const slot of host.slots()) {
      // A reload may come in between, and take the slot away.
      const old = await host.inTurn(() => {
        host.refuseUnlessRunning();
        return slot.replace(SERVING_WITHIN_MS).catch(error => {
          throw new IncompleteError((error as Error).message);
        });
      });
      if (old === null) continue;
      const done = { slot: slot.index, pid: slot.pid, servedAfterMs: elapsedMs(startedAtMs) };
      await slot.untilLeft(old);
      workers.push({ ...done, oldPid: old.pid ?? 0, clientsCut: old.clientsCut });
    }
    const tookMs = elapsedMs(startedAtMs);
    host.log.info({ by, workers, tookMs }, 'all workers were replaced');
    return { workers, tookMs };
  }
}
