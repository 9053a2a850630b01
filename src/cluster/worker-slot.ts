import cluster, { type Worker } from 'node:cluster';
import type { Log } from '../core/log.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';
import { readToMaster, type ToWorker } from './ipc.ts';
import type { BoundHandle } from './listen-sockets.ts';

/** A worker that dies younger than this gets a successor only after a pause, which doubles each time. */
const YOUNG_MS = 2000;
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;

export interface WorkerSlotHost {
  readonly log: Log;
  /** First message of a new worker. */
  startMessage(slot: number): ToWorker;
  /** The sockets of a slot, by pool. */
  socketsOf(slot: number): Iterable<readonly [pool: string, handle: BoundHandle]>;
  onReady(slot: WorkerSlot): void;
  onReport(slot: WorkerSlot, id: number | null, snapshot: WorkerSnapshot): void;
  /** The worker is gone. `failure`: what it said it died of. */
  onGone(slot: WorkerSlot, failure: string | null): void;
}

/** The place of one worker: keeps it filled until told to drain. */
export class WorkerSlot {
  readonly index: number;
  isReady = false;
  /** Workers that took the place of one that died. */
  restarts = 0;
  private readonly host: WorkerSlotHost;
  private worker: Worker | null = null;
  private startedAtMs = 0;
  private youngDeaths = 0;
  private isStopping = false;
  private failure: string | null = null;
  private restartTimer: NodeJS.Timeout | null = null;

  constructor(index: number, host: WorkerSlotHost) {
    this.index = index;
    this.host = host;
  }

  get pid(): number | null {
    return this.worker?.process.pid ?? null;
  }

  /** Forks a worker, hands it its configuration and its sockets. */
  start(): void {
    this.restartTimer = null;
    this.isReady = false;
    this.failure = null;
    this.startedAtMs = performance.now();
    const worker = cluster.fork();
    this.worker = worker;
    worker.on('message', message => this.receive(message));
    worker.on('error', error => this.host.log.warn({ slot: this.index, err: error }, 'IPC with a worker failed'));
    worker.on('exit', (code, signal) => this.exited(code, signal));
    this.send(this.host.startMessage(this.index));
    for (const [pool, handle] of this.host.socketsOf(this.index)) this.send({ type: 'listen', pool }, handle);
    this.send({ type: 'go' });
  }

  /** False when there is nobody to send to. */
  send(message: ToWorker, handle?: BoundHandle): boolean {
    const { worker } = this;
    if (worker === null || !worker.isConnected()) return false;
    // node's types know only its public sockets; a bare handle is what net.Server.listen() takes in the worker.
    worker.process.send(message, handle as never, undefined, () => {});
    return true;
  }

  /** Lets the worker finish and stays empty. */
  drain(): void {
    this.isStopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    this.send({ type: 'drain' });
  }

  kill(): void {
    this.isStopping = true;
    this.worker?.process.kill('SIGKILL');
  }

  private receive(raw: unknown): void {
    const message = readToMaster(raw);
    switch (message.type) {
      case 'ready':
        this.isReady = true;
        this.host.onReady(this);
        return;
      case 'failed':
        this.failure = message.message;
        this.worker?.process.kill('SIGKILL');
        return;
      case 'report':
        this.host.onReport(this, message.id, message.snapshot);
        return;
    }
  }

  private exited(code: number | null, signal: string | null): void {
    const { pid } = this;
    const livedMs = Math.round(performance.now() - this.startedAtMs);
    this.worker = null;
    this.isReady = false;
    this.host.onGone(this, this.failure);
    if (this.isStopping) return;
    this.youngDeaths = livedMs < YOUNG_MS ? this.youngDeaths + 1 : 0;
    // The first early death may be an accident: its successor comes at once.
    const pauseMs = this.youngDeaths < 2 ? 0 : Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** (this.youngDeaths - 2));
    const event = {
      slot: this.index,
      workerPid: pid,
      code,
      signal,
      livedMs,
      restartInMs: pauseMs,
      reason: this.failure,
    };
    this.host.log.error(event, 'worker died; another takes its place');
    this.restarts++;
    if (pauseMs === 0) this.start();
    else this.restartTimer = setTimeout(() => this.start(), pauseMs);
  }
}
