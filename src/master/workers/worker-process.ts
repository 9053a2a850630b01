import cluster, { type Worker } from 'node:cluster';
import type { Config, PoolConfig } from '../../config/config.ts';
import { type HandedPool, IPC_VERSION, readToMaster, type ToMaster, type ToWorker } from '../../ipc/messages.ts';
import type { ReshardState } from '../../ipc/reshard-state.ts';
import type { Log, LogLevel } from '../../system/log.ts';
import type { BoundHandle } from '../../system/server-handle.ts';
import type { PlaceMessage } from '../limits/connection-quotas.ts';
import type { ShareMessage } from '../limits/rate-leases.ts';
import type { Trouble } from '../servers/ejections.ts';
import type { Watched } from './watchdog.ts';

/** A worker that says nothing for so long when it is asked something hangs. */
const ANSWER_WITHIN_MS = 3000;
/** What it gets more for each server when it is to switch: it goes through all of them, and serves its clients meanwhile. */
const SWITCH_MS_PER_SERVER = 0.1;
/** A worker that was just started has so long for its first answers. */
const FIRST_ANSWER_WITHIN_MS = 60_000;
/** Servers in one message of a configuration: some 90 KB, which take a worker 2 ms to read. */
const SERVERS_PER_PART = 1000;

/** A configuration with the number by which master and workers speak of it. */
export interface Generation {
  readonly id: number;
  readonly config: Config;
}

/** A part of a worker's figures. */
export type Report = Extract<ToMaster, { readonly type: 'report' }>;

/** What a worker has seen of single requests. */
export type SeenMessage = Extract<ToMaster, { readonly type: 'slow' | 'clearSlowlog' | 'insight' | 'audit' }>;

/** About the clients of a pool, over all workers. */
export type ClientMessage =
  | Extract<
      ToMaster,
      {
        readonly type:
          | 'askClients'
          | 'clients'
          | 'crowds'
          | 'crowdsKnown'
          | 'kept'
          | 'pause'
          | 'paused'
          | 'limiting'
          | 'wrongPasswords';
      }
    >
  | ShareMessage;

type ReshardMessage = Extract<ToMaster, { readonly type: 'resharding' | 'notResharding' }>;

export type Sockets = Iterable<readonly [pool: string, handle: BoundHandle]>;

/** What became of a worker that was asked to prepare or to switch. */
export type Answer =
  | { readonly kind: 'done' | 'gone' | 'hangs' }
  | { readonly kind: 'refused'; readonly message: string };

/** Who hears of a worker process. */
export interface WorkerProcessEvents {
  readonly log: Log;
  /** It serves by the generation that it names. */
  onServing(worker: WorkerProcess): void;
  onPlaces(worker: WorkerProcess, message: PlaceMessage): void;
  onTrouble(trouble: Trouble): void;
  onHint(pool: string, why: string): void;
  onReport(worker: WorkerProcess, report: Report): void;
  onSeen(worker: WorkerProcess, message: SeenMessage): void;
  onClients(worker: WorkerProcess, message: ClientMessage): void;
  /** It refuses what it was told to; see `block`. */
  onBlocking(worker: WorkerProcess, id: number): void;
  /** It drains of its own accord and will exit. */
  onLeaving(worker: WorkerProcess): void;
  onExit(worker: WorkerProcess, code: number | null, signal: string | null): void;
}

/** The master's end of one worker process, from fork to exit. */
export class WorkerProcess implements Watched {
  /** Unique in this master's life. */
  readonly id: number;
  readonly pid: number | undefined;
  readonly slot: number;
  readonly startedAtMs = performance.now();
  /** The generation it was started with. */
  readonly firstGeneration: number;
  /** It accepts clients, and was not told to leave. */
  isServing = false;
  /** The generation it serves by; 0: none yet. */
  generation = 0;
  /** For how long nothing came from it; the watchdog counts. */
  silentMs = 0;
  /** What it said it died of. */
  failure: string | null = null;
  /** Clients it cut off when it drained. */
  clientsCut = 0;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  private readonly worker: Worker;
  private readonly events: WorkerProcessEvents;
  /** The question that waits for its answer. */
  private question: { readonly id: number; readonly settle: (answer: Answer) => void } | null = null;
  private preparedId = 0;
  /** What it was told of pools between two rings and has not answered, by number. */
  private readonly reshards = new Map<number, (answer: Answer) => void>();
  private lastReshard = 0;
  /** Of what it has prepared. */
  private servers = 0;
  /** What it was handed last, and what it serves by. */
  private handed: Generation | null = null;
  private served: Config | null = null;

  /** Forks a worker, hands it its configuration and its sockets. */
  constructor(
    slot: number,
    { id, config }: Generation,
    level: LogLevel,
    sockets: Sockets,
    events: WorkerProcessEvents,
  ) {
    this.slot = slot;
    this.events = events;
    this.firstGeneration = id;
    const worker = cluster.fork();
    const { promise, resolve: exited } = Promise.withResolvers<void>();
    this.worker = worker;
    this.exited = promise;
    this.id = worker.id;
    this.pid = worker.process.pid;
    worker.on('message', message => this.read(message));
    worker.on('error', error => {
      events.log.warn({ slot, err: error }, 'IPC with a worker failed');
      // The system refused another process: then there is no 'exit' either.
      if (this.pid !== undefined) return;
      this.failure = `it could not be started: ${error.message}`;
      this.settle({ kind: 'gone' });
      exited();
      events.onExit(this, null, null);
    });
    worker.on('exit', (code, signal) => {
      this.isServing = false;
      this.settle({ kind: 'gone' });
      for (const settle of this.reshards.values()) settle({ kind: 'gone' });
      exited();
      events.onExit(this, code, signal);
    });
    this.send({ type: 'start', version: IPC_VERSION, slot, config: { ...config, pools: [] }, level });
    void this.begin({ id, config }, sockets);
  }

  /** Hands it its first configuration. What comes of that is seen from its messages and its end. */
  private async begin(generation: Generation, sockets: Sockets): Promise<void> {
    const answer = await this.hand(generation, sockets, FIRST_ANSWER_WITHIN_MS);
    if (answer.kind === 'refused' && this.failure === null) {
      this.failure = answer.message;
      this.kill();
    }
    if (answer.kind === 'done') this.send({ type: 'switch', id: generation.id });
  }

  get livedMs(): number {
    return Math.round(performance.now() - this.startedAtMs);
  }

  /** It finishes what it has, and takes nothing new. */
  get isLeaving(): boolean {
    return this.hasServed && !this.isServing;
  }

  get hasServed(): boolean {
    return this.generation > 0;
  }

  /** Has it get ready for a generation. A worker that does not serve yet is not asked: it is `gone`. */
  async prepare(generation: Generation, sockets: Sockets): Promise<Answer> {
    if (!this.isServing) return { kind: 'gone' };
    const answer = await this.hand(generation, sockets, ANSWER_WITHIN_MS);
    if (answer.kind === 'done') {
      this.preparedId = generation.id;
      this.servers = serversOf(generation.config.pools);
    }
    return answer;
  }

  /** Has it serve by what it prepared. One that did not prepare that is `gone`. */
  async switch(id: number): Promise<Answer> {
    if (this.preparedId !== id) return { kind: 'gone' };
    const answer = this.ask(id, ANSWER_WITHIN_MS + this.servers * SWITCH_MS_PER_SERVER);
    this.send({ type: 'switch', id });
    return answer;
  }

  /**
   * Tells it how far a pool is between two rings. `done`: that is in force; it takes as long as what the worker has to wait for.
   * One that is told before `switch` does not serve without.
   */
  reshard(pool: string, state: ReshardState | null): Promise<Answer> {
    return new Promise(resolve => {
      const id = ++this.lastReshard;
      this.reshards.set(id, resolve);
      if (!this.send({ type: 'reshard', id, pool, state })) this.settleReshard({ type: 'resharding', id }, 'gone');
    });
  }

  /** Has it answer what is pending and exit; it may be leaving already. */
  drain(): void {
    this.isServing = false;
    this.send({ type: 'drain' });
  }

  /** False when nobody listens any more. */
  send(message: ToWorker, handle?: BoundHandle): boolean {
    if (!this.worker.isConnected()) return false;
    // node's types know only its public sockets; a bare handle is what net.Server.listen() takes in the worker.
    this.worker.process.send(message, handle as never, undefined, () => {});
    return true;
  }

  /** Kills it because it says nothing any more. */
  killHanging(): void {
    this.isServing = false;
    this.failure = `it hung: it reported nothing for ${Math.round(this.silentMs)} ms`;
    this.settle({ kind: 'hangs' });
    this.kill();
  }

  kill(): void {
    this.worker.process.kill('SIGKILL');
  }

  /** A worker that does not make sense must not take the master with it. */
  private read(message: unknown): void {
    this.silentMs = 0;
    try {
      this.receive(readToMaster(message));
    } catch (error) {
      this.failure = (error as Error).message;
      this.kill();
    }
  }

  private receive(message: ToMaster): void {
    switch (message.type) {
      case 'took':
      case 'prepared':
        this.settle({ kind: 'done' }, message.id);
        return;
      case 'refused':
        this.settle({ kind: 'refused', message: message.message }, message.id);
        return;
      case 'switched':
        this.generation = message.id;
        this.served = this.handed?.id === message.id ? this.handed.config : null;
        this.isServing = true;
        this.settle({ kind: 'done' }, message.id);
        this.events.onServing(this);
        return;
      case 'leaving':
        this.isServing = false;
        this.failure = message.why;
        this.settle({ kind: 'gone' });
        this.events.onLeaving(this);
        return;
      case 'failed':
        this.failure = message.message;
        this.kill();
        return;
      case 'drained':
        this.clientsCut = message.clientsCut;
        return;
      case 'ask':
      case 'giveBack':
        this.events.onPlaces(this, message);
        return;
      case 'trouble':
        this.events.onTrouble(message);
        return;
      case 'hint':
        this.events.onHint(message.pool, message.why);
        return;
      case 'report':
        this.events.onReport(this, message);
        return;
      case 'blocking':
        this.events.onBlocking(this, message.id);
        return;
      case 'resharding':
      case 'notResharding':
        this.settleReshard(message);
        return;
      case 'askClients':
      case 'clients':
      case 'crowds':
      case 'crowdsKnown':
      case 'kept':
      case 'pause':
      case 'paused':
      case 'askShare':
      case 'giveShare':
      case 'limiting':
      case 'wrongPasswords':
        this.events.onClients(this, message);
        return;
      case 'slow':
      case 'audit':
      case 'clearSlowlog':
      case 'insight':
        this.events.onSeen(this, message);
        return;
    }
  }

  private settleReshard(message: ReshardMessage, kind: 'done' | 'gone' = 'done'): void {
    const settle = this.reshards.get(message.id);
    this.reshards.delete(message.id);
    settle?.(message.type === 'notResharding' ? { kind: 'refused', message: message.why } : { kind });
  }

  /**
   * Sends it a configuration, part by part, each when it has built what the one before needs. Of pools that it serves by the same
   * configuration, not just an equal one, it gets the names.
   */
  private async hand(generation: Generation, sockets: Sockets, withinMs: number): Promise<Answer> {
    const { id, config } = generation;
    this.handed = generation;
    for (const [pool, handle] of sockets) this.send({ type: 'socket', pool }, handle);
    const parts = partsOf(config.pools, new Set(this.served?.pools));
    const last = parts.pop() ?? [];
    for (const pools of parts) {
      const took = this.ask(id, withinMs);
      this.send({ type: 'pools', id, pools });
      const answer = await took;
      if (answer.kind !== 'done') return answer;
    }
    const prepared = this.ask(id, withinMs);
    this.send({ type: 'prepare', id, config: { ...config, pools: [] }, pools: last });
    return prepared;
  }

  private ask(id: number, withinMs: number): Promise<Answer> {
    return new Promise(resolve => {
      // Answers that came while this process was busy are read first.
      const timer = setTimeout(() => setImmediate(() => this.settle({ kind: 'hangs' }, id)), withinMs);
      this.question = {
        id,
        settle: answer => {
          clearTimeout(timer);
          resolve(answer);
        },
      };
    });
  }

  /** `id`: of the generation that the answer is about; an answer that comes too late is about another. */
  private settle(answer: Answer, id?: number): void {
    const { question } = this;
    if (question === null || (id !== undefined && id !== question.id)) return;
    this.question = null;
    question.settle(answer);
  }
}

function serversOf(pools: readonly PoolConfig[]): number {
  return pools.reduce((sum, { servers }) => sum + servers.length, 0);
}

function partsOf(pools: readonly PoolConfig[], known: ReadonlySet<PoolConfig>): (readonly HandedPool[])[] {
  const parts: HandedPool[][] = [];
  let servers = SERVERS_PER_PART;
  for (const pool of pools) {
    if (servers >= SERVERS_PER_PART) {
      parts.push([]);
      servers = 0;
    }
    const isKnown = known.has(pool);
    parts.at(-1)!.push(isKnown ? pool.name : pool);
    servers += 1 + (isKnown ? 0 : pool.servers.length);
  }
  return parts;
}
