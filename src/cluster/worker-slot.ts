import type { Log } from '../core/log.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';
import type { ToWorker } from './ipc.ts';
import { type Generation, type Sockets, WorkerProcess, type WorkerProcessEvents } from './worker-process.ts';

/** A worker that dies younger than this gets a successor only after a pause, which doubles each time. */
const YOUNG_MS = 2000;
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;

export interface WorkerSlotHost {
  readonly log: Log;
  /** What a new worker serves by. */
  current(): Generation;
  /** The sockets of a slot, by pool. */
  socketsOf(slot: number): Sockets;
  onReady(slot: WorkerSlot): void;
  onReport(worker: WorkerProcess, id: number | null, snapshot: WorkerSnapshot): void;
  /** A worker is gone. */
  onGone(worker: WorkerProcess): void;
}

/**
 * The place of one worker: keeps it filled until told to drain. A worker that leaves in order finishes what it has
 * beside its successor, which accepts from the same sockets.
 */
export class WorkerSlot implements WorkerProcessEvents {
  readonly index: number;
  readonly log: Log;
  /** Workers that took the place of one that died or failed. */
  restarts = 0;
  private readonly host: WorkerSlotHost;
  private worker: WorkerProcess | null = null;
  private readonly leaving = new Set<WorkerProcess>();
  private youngDeaths = 0;
  private isStopping = false;
  private restartTimer: NodeJS.Timeout | null = null;
  /** Who waits until the worker that was told to leave is gone. */
  private onLeft: () => void = () => {};

  constructor(index: number, host: WorkerSlotHost) {
    this.index = index;
    this.host = host;
    this.log = host.log;
  }

  get isReady(): boolean {
    return this.worker?.isReady ?? false;
  }

  /** Neither a worker nor one that still leaves. */
  get isEmpty(): boolean {
    return this.worker === null && this.leaving.size === 0;
  }

  /** The last worker died young, and its successor waits. */
  get isBackingOff(): boolean {
    return this.restartTimer !== null;
  }

  start(): void {
    this.restartTimer = null;
    this.worker = new WorkerProcess(this.index, this.host.current(), this.host.socketsOf(this.index), this);
  }

  /** Puts a successor in the worker's place and lets the worker finish. Resolves when it is gone. */
  async replace(): Promise<void> {
    const { worker } = this;
    if (worker === null || this.isStopping) return;
    this.leaving.add(worker);
    this.start();
    const gone = new Promise<void>(resolve => {
      this.onLeft = resolve;
    });
    this.worker?.onceReady(() => worker.send({ type: 'drain' }));
    await gone;
  }

  /** See `WorkerProcess.prepare`. */
  async prepare(generation: Generation, sockets: Sockets): Promise<string | null> {
    return this.worker === null ? null : await this.worker.prepare(generation, sockets);
  }

  /** Has the worker serve by what it prepared; one that did not prepare it is replaced. Resolves when that is done. */
  async switch(id: number): Promise<void> {
    const { worker } = this;
    if (worker === null || (await worker.switch(id))) return;
    // It started while the others prepared.
    await this.replace();
  }

  /** To the worker, and to those that leave. False when there is nobody to send to. */
  send(message: ToWorker): boolean {
    for (const worker of this.leaving) worker.send(message);
    return this.worker?.send(message) ?? false;
  }

  /** Lets the worker finish and stays empty. */
  drain(): void {
    this.isStopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    this.send({ type: 'drain' });
  }

  kill(): void {
    this.isStopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    this.worker?.kill();
    for (const worker of this.leaving) worker.kill();
  }

  onReady(worker: WorkerProcess): void {
    this.log.info({ slot: this.index, workerPid: worker.pid }, 'worker is ready');
    this.host.onReady(this);
  }

  onReport(worker: WorkerProcess, id: number | null, snapshot: WorkerSnapshot): void {
    this.host.onReport(worker, id, snapshot);
  }

  /** It failed, or somebody sent it TERM: its successor comes at once, not when it is done. */
  onLeaving(worker: WorkerProcess): void {
    if (this.worker !== worker || this.isStopping) return;
    this.leaving.add(worker);
    this.fillAfter(worker, null, null);
  }

  onExit(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const wasLeaving = this.leaving.delete(worker);
    if (this.worker === worker) this.worker = null;
    this.host.onGone(worker);
    if (wasLeaving) {
      this.log.info({ slot: this.index, workerPid: worker.pid, livedMs: worker.livedMs }, 'worker left');
      this.onLeft();
    } else if (!this.isStopping) {
      this.fillAfter(worker, code, signal);
    }
  }

  private fillAfter(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const { livedMs, pid, failure } = worker;
    this.worker = null;
    this.youngDeaths = livedMs < YOUNG_MS ? this.youngDeaths + 1 : 0;
    // The first early death may be an accident: its successor comes at once.
    const pauseMs = this.youngDeaths < 2 ? 0 : Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** (this.youngDeaths - 2));
    const event = { slot: this.index, workerPid: pid, code, signal, livedMs, restartInMs: pauseMs, reason: failure };
    this.log.error(event, 'worker died; another takes its place');
    this.restarts++;
    if (pauseMs === 0) this.start();
    else this.restartTimer = setTimeout(() => this.start(), pauseMs);
  }
}
