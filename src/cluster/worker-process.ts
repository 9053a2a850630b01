import cluster, { type Worker } from 'node:cluster';
import type { Config } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';
import { readToMaster, type ToMaster, type ToWorker } from './ipc.ts';
import type { BoundHandle } from './listen-sockets.ts';

/** A configuration with the number by which master and workers speak of it. */
export interface Generation {
  readonly id: number;
  readonly config: Config;
}

export type Sockets = Iterable<readonly [pool: string, handle: BoundHandle]>;

/** Who hears of a worker process. */
export interface WorkerProcessEvents {
  readonly log: Log;
  /** It serves. */
  onReady(worker: WorkerProcess): void;
  onReport(worker: WorkerProcess, id: number | null, snapshot: WorkerSnapshot): void;
  /** It drains of its own accord and will exit. */
  onLeaving(worker: WorkerProcess): void;
  onExit(worker: WorkerProcess, code: number | null, signal: string | null): void;
}

/** The master's end of one worker process, from fork to exit. */
export class WorkerProcess {
  /** Unique in this master's life. */
  readonly id: number;
  readonly pid: number | undefined;
  readonly slot: number;
  readonly startedAtMs = performance.now();
  isReady = false;
  /** What it said it died of. */
  failure: string | null = null;
  private readonly worker: Worker;
  private readonly events: WorkerProcessEvents;
  /** Who waits for the answer to `prepare` or `switch`; the answer is null or what went wrong. */
  private answer: (problem: string | null) => void = () => {};
  private whenReady: () => void = () => {};
  /** The generation that it is prepared to switch to. */
  private preparedId = 0;

  /** Forks a worker, hands it its configuration and its sockets. */
  constructor(slot: number, { id, config }: Generation, sockets: Sockets, events: WorkerProcessEvents) {
    this.slot = slot;
    this.events = events;
    const worker = cluster.fork();
    this.worker = worker;
    this.id = worker.id;
    this.pid = worker.process.pid;
    worker.on('message', message => this.receive(readToMaster(message)));
    worker.on('error', error => events.log.warn({ slot, err: error }, 'IPC with a worker failed'));
    worker.on('exit', (code, signal) => {
      this.isReady = false;
      this.answer('the worker died');
      events.onExit(this, code, signal);
    });
    this.send({ type: 'start', slot, config });
    this.sendPrepare({ id, config }, sockets);
    this.send({ type: 'switch', id });
  }

  get livedMs(): number {
    return Math.round(performance.now() - this.startedAtMs);
  }

  /** Has it get ready for a generation. Resolves with null, or with why it can't. */
  async prepare(generation: Generation, sockets: Sockets): Promise<string | null> {
    if (!this.isReady) return null;
    this.sendPrepare(generation, sockets);
    const problem = await this.nextAnswer();
    // One that died meanwhile is no reason to refuse: its successor starts with what is current then.
    if (!this.isReady) return null;
    if (problem === null) this.preparedId = generation.id;
    return problem;
  }

  /** Has it serve by what it prepared; false when it did not prepare that. Resolves when it does, or died. */
  async switch(id: number): Promise<boolean> {
    if (this.preparedId !== id) return false;
    this.send({ type: 'switch', id });
    await this.nextAnswer();
    return true;
  }

  /** False when nobody listens any more. */
  send(message: ToWorker, handle?: BoundHandle): boolean {
    if (!this.worker.isConnected()) return false;
    // node's types know only its public sockets; a bare handle is what net.Server.listen() takes in the worker.
    this.worker.process.send(message, handle as never, undefined, () => {});
    return true;
  }

  kill(): void {
    this.worker.process.kill('SIGKILL');
  }

  private receive(message: ToMaster): void {
    switch (message.type) {
      case 'prepared':
        this.answer(null);
        return;
      case 'refused':
        this.answer(message.message);
        return;
      case 'switched':
        this.answer(null);
        this.becameReady();
        return;
      case 'leaving':
        this.isReady = false;
        this.answer('the worker drains');
        this.events.onLeaving(this);
        return;
      case 'failed':
        this.failure = message.message;
        this.kill();
        return;
      case 'report':
        this.events.onReport(this, message.id, message.snapshot);
        return;
    }
  }

  /** Calls `then` when it serves, now if it does. */
  onceReady(then: () => void): void {
    if (this.isReady) then();
    else this.whenReady = then;
  }

  private becameReady(): void {
    if (this.isReady) return;
    this.isReady = true;
    this.whenReady();
    this.events.onReady(this);
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
}
