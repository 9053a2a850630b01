import cluster, { type Worker } from 'node:cluster';
import type { Config } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';
import { readToMaster, type ToWorker } from './ipc.ts';
import type { BoundHandle } from './listen-sockets.ts';

/** A worker that dies younger than this gets a successor only after a pause, which doubles each time. */
const YOUNG_MS = 2000;
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;

/** A configuration with the number by which master and workers speak of it. */
export interface Generation {
  readonly id: number;
  readonly config: Config;
}

type Sockets = Iterable<readonly [pool: string, handle: BoundHandle]>;

export interface WorkerSlotHost {
  readonly log: Log;
  /** What a new worker serves by. */
  current(): Generation;
  /** The sockets of a slot, by pool. */
  socketsOf(slot: number): Sockets;
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
  /** Who waits for the answer to `prepare` or `switch`; the answer is null or what went wrong. */
  private answer: (problem: string | null) => void = () => {};
  /** The generation that the worker is prepared to switch to. */
  private preparedId = 0;

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
    const { id, config } = this.host.current();
    this.preparedId = 0;
    this.send({ type: 'start', slot: this.index, config });
    this.sendPrepare({ id, config }, this.host.socketsOf(this.index));
    this.send({ type: 'switch', id });
  }

  /** Has the worker get ready for a generation. Resolves with null, or with why it can't. */
  async prepare(generation: Generation, sockets: Sockets): Promise<string | null> {
    if (!this.isReady) return null;
    this.sendPrepare(generation, sockets);
    const problem = await this.nextAnswer();
    // A worker that died meanwhile is no reason to refuse: its successor starts with what is current then.
    if (problem === null && this.isReady) this.preparedId = generation.id;
    return this.isReady ? problem : null;
  }

  /** Has the worker serve by what it prepared; one that did not prepare it is replaced. Resolves when that is done. */
  async switch(id: number): Promise<void> {
    if (this.pid === null) return;
    if (this.preparedId !== id) {
      this.send({ type: 'drain' });
      return;
    }
    this.send({ type: 'switch', id });
    await this.nextAnswer();
  }

  /** Has the worker forget what it prepared. */
  abandon(id: number): void {
    this.send({ type: 'abandon', id });
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
      case 'prepared':
        this.answer(null);
        return;
      case 'refused':
        this.answer(message.message);
        return;
      case 'switched':
        this.answer(null);
        if (!this.isReady) {
          this.isReady = true;
          this.host.onReady(this);
        }
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

  private sendPrepare({ id, config }: Generation, sockets: Sockets): void {
    for (const [pool, handle] of sockets) this.send({ type: 'socket', pool }, handle);
    this.send({ type: 'prepare', id, config });
  }

  private nextAnswer(): Promise<string | null> {
    return new Promise(resolve => {
      this.answer = problem => {
        this.answer = () => {};
        resolve(problem);
      };
    });
  }

  private exited(code: number | null, signal: string | null): void {
    const { pid } = this;
    const livedMs = Math.round(performance.now() - this.startedAtMs);
    this.worker = null;
    this.isReady = false;
    this.answer('the worker died');
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
