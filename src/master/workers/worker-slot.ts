import type { WorkerReadiness } from '../../admin/readiness.ts';
import type { ClusterTopology } from '../../ipc/cluster-topology.ts';
import type { Blocked, OutServer, ToWorker } from '../../ipc/messages.ts';
import type { Log, LogLevel } from '../../system/log.ts';
import type { PlaceMessage } from '../limits/connection-quotas.ts';
import type { Trouble } from '../servers/ejections.ts';
import { SILENT_AFTER_MS } from './watchdog.ts';
import {
  type Answer,
  type ClientMessage,
  type Generation,
  type Report,
  type SeenMessage,
  type Sockets,
  WorkerProcess,
  type WorkerProcessEvents,
} from './worker-process.ts';

/** A worker that dies younger than this gets a successor only after a pause, which doubles each time. */
const YOUNG_MS = 2000;
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;
/** When so many successors have died, `replace` says that it can't be done. */
const GIVE_UP_DEATHS = 3;
/** What a worker that drains gets on top of `shutdown_timeout` before it is killed. */
const EXIT_GRACE_MS = 1000;

export interface WorkerSlotHost {
  readonly log: Log;
  /** What a new worker serves by. */
  current(): Generation;
  logLevel(): LogLevel;
  /** Servers that are out of the ring. */
  out(): readonly OutServer[];
  /** Of the pools that are clusters. */
  topologies(): ReadonlyMap<string, ClusterTopology>;
  /** Tells a new worker what is known of requests and clients of all. */
  greet(worker: WorkerProcess): void;
  /** The sockets of a slot, by pool. */
  socketsOf(slot: number): Sockets;
  onServing(slot: WorkerSlot): void;
  onPlaces(worker: WorkerProcess, message: PlaceMessage): void;
  onTrouble(trouble: Trouble): void;
  onHint(pool: string, why: string): void;
  onReport(worker: WorkerProcess, report: Report): void;
  onSeen(worker: WorkerProcess, message: SeenMessage): void;
  onClients(worker: WorkerProcess, message: ClientMessage): void;
  onBlocking(worker: WorkerProcess, id: number): void;
  /** What is blocked. */
  blocked(): readonly Blocked[];
  /** A worker is gone. */
  onGone(worker: WorkerProcess): void;
}

/**
 * The place of one worker: keeps it filled until told to drain.
 *
 *             successor serves              drained, or killed when that takes too long
 *   worker ───────────────────▶ leaving ───────────────────────────────────────────────▶ gone
 *     │ died                                 (`replace`, or it failed and leaves by itself)
 *     └──▶ successor at once; when the young die in a row, after a pause
 *
 * A worker that leaves finishes what it has beside its successor, which accepts from the same sockets.
 */
export class WorkerSlot implements WorkerProcessEvents {
  readonly index: number;
  readonly log: Log;
  /** Workers that took the place of one that died or failed. */
  restarts = 0;
  /** Workers that were killed because they hung. */
  hangs = 0;
  private readonly host: WorkerSlotHost;
  private worker: WorkerProcess | null = null;
  /** null: it serves until its successor does. Else when it is killed. */
  private readonly leaving = new Map<WorkerProcess, NodeJS.Timeout | null>();
  private youngDeaths = 0;
  private lastDeath: string | null = null;
  private isStopping = false;
  private restartTimer: NodeJS.Timeout | null = null;
  /** Who waits for something to change here. */
  private watchers: (() => void)[] = [];

  constructor(index: number, host: WorkerSlotHost) {
    this.index = index;
    this.host = host;
    this.log = host.log;
  }

  /** Somebody accepts from the slot's sockets. */
  get isServing(): boolean {
    if (this.isStopping) return false;
    return this.worker?.isServing === true || [...this.leaving.keys()].some(worker => worker.isServing);
  }

  /** Neither a worker nor one that still leaves. */
  get isEmpty(): boolean {
    return this.worker === null && this.leaving.size === 0;
  }

  /** The last workers died young, and their successor waits. */
  get isBackingOff(): boolean {
    return this.restartTimer !== null;
  }

  get pid(): number | null {
    return this.worker?.pid ?? null;
  }

  state(): WorkerReadiness {
    const { index: slot, restarts, pid } = this;
    const state = this.isStopping
      ? 'draining'
      : this.isBackingOff
        ? 'backing_off'
        : this.isServing
          ? this.isSilent
            ? 'silent'
            : 'serving'
          : 'starting';
    return { slot, state, pid, restarts, why: this.whyNot(state) };
  }

  /** None of those that accept from its sockets has been heard of lately. */
  private get isSilent(): boolean {
    return [...this.processes()].every(worker => !worker.isServing || worker.silentMs >= SILENT_AFTER_MS);
  }

  private whyNot(state: WorkerReadiness['state']): string | null {
    if (state === 'backing_off') return this.lastDeath;
    return state === 'silent' ? `it has reported nothing for ${Math.round(this.worker?.silentMs ?? 0)} ms` : null;
  }

  /** Its worker, and those that leave. */
  *processes(): Iterable<WorkerProcess> {
    if (this.worker !== null) yield this.worker;
    yield* this.leaving.keys();
  }

  /** A worker process of this slot hangs: it is killed, and its successor comes at once. */
  onHang(worker: WorkerProcess): void {
    this.hangs++;
    const { pid, silentMs } = worker;
    this.log.error(
      { slot: this.index, workerPid: pid, silentMs: Math.round(silentMs) },
      'worker hangs: it reports nothing; it is killed',
    );
    worker.killHanging();
    this.onLeaving(worker);
  }

  start(): void {
    this.restartTimer = null;
    const { host, index } = this;
    this.worker = new WorkerProcess(index, host.current(), host.logLevel(), host.socketsOf(index), this);
    this.worker.send({ type: 'health', out: host.out() });
    const blocked = host.blocked();
    // Before it is told to switch, so that it never serves without.
    if (blocked.length > 0) this.worker.send({ type: 'block', id: 0, blocked });
    for (const [pool, topology] of host.topologies()) this.worker.send({ type: 'topology', pool, topology });
    host.greet(this.worker);
  }

  /**
   * Puts a successor in the worker's place. Resolves when it serves, and then the worker is told to leave; with the
   * worker, or null when there was none to replace. Rejects when successors die, or after `withinMs`: then the worker
   * goes on serving until some successor does.
   */
  async replace(withinMs: number): Promise<WorkerProcess | null> {
    const { worker } = this;
    if (worker === null || this.isStopping) return null;
    this.leaving.set(worker, null);
    this.start();
    const deaths = this.restarts;
    const isHopeless = () => this.restarts - deaths >= GIVE_UP_DEATHS;
    await this.until(() => this.worker?.isServing === true || this.isStopping || isHopeless(), withinMs);
    if (this.worker?.isServing === true || this.isStopping) return worker;
    const why = isHopeless() ? this.lastDeath : `it did not serve within ${withinMs} ms`;
    throw new Error(`worker slot ${this.index}: no successor for process ${worker.pid}: ${why}`);
  }

  /** Resolves when `worker` has left. It is killed if need be, so it will. */
  async untilLeft(worker: WorkerProcess): Promise<void> {
    await this.until(() => !this.leaving.has(worker), Number.POSITIVE_INFINITY);
  }

  /** Resolves with true when the slot's worker serves by generation `id`, with false when it does not in time. */
  untilServing(id: number, withinMs: number): Promise<boolean> {
    return this.until(() => this.worker?.isServing === true && this.worker.generation === id, withinMs);
  }

  /** See `WorkerProcess.prepare`. */
  async prepare(generation: Generation, sockets: Sockets): Promise<Answer> {
    return this.worker === null ? { kind: 'gone' } : await this.worker.prepare(generation, sockets);
  }

  /** Has the worker serve by what it prepared; one that can't is replaced. */
  async switch(id: number): Promise<void> {
    const { worker } = this;
    if (worker === null) return;
    const { kind } = await worker.switch(id);
    if (kind === 'hangs') {
      this.log.error({ slot: this.index, workerPid: worker.pid }, 'worker does not answer: killed');
      worker.kill();
      return;
    }
    // It started while the others prepared, with what was current then.
    const isStale = this.worker === worker && worker.generation !== id && !this.isStopping;
    if (!isStale || worker.firstGeneration === id) return;
    this.leaving.set(worker, null);
    this.start();
  }

  /** To the worker, and to those that leave. False when there is nobody to send to. */
  send(message: ToWorker): boolean {
    for (const worker of this.leaving.keys()) worker.send(message);
    return this.worker?.send(message) ?? false;
  }

  /** Lets the worker finish and stays empty. */
  drain(): void {
    this.stopFilling();
    if (this.worker !== null) this.leaving.set(this.worker, null);
    this.worker = null;
    for (const worker of this.leaving.keys()) this.letGo(worker);
    this.changed();
  }

  kill(): void {
    this.stopFilling();
    this.worker?.kill();
    for (const worker of this.leaving.keys()) worker.kill();
  }

  onServing(worker: WorkerProcess): void {
    if (worker === this.worker) {
      this.log.info({ slot: this.index, workerPid: worker.pid, generation: worker.generation }, 'worker serves');
      for (const old of this.leaving.keys()) this.letGo(old);
      this.host.onServing(this);
    }
    this.changed();
  }

  onPlaces(worker: WorkerProcess, message: PlaceMessage): void {
    this.host.onPlaces(worker, message);
  }

  onTrouble(trouble: Trouble): void {
    this.host.onTrouble(trouble);
  }

  onHint(pool: string, why: string): void {
    this.host.onHint(pool, why);
  }

  onReport(worker: WorkerProcess, report: Report): void {
    this.host.onReport(worker, report);
  }

  onBlocking(worker: WorkerProcess, id: number): void {
    this.host.onBlocking(worker, id);
  }

  onSeen(worker: WorkerProcess, message: SeenMessage): void {
    this.host.onSeen(worker, message);
  }

  onClients(worker: WorkerProcess, message: ClientMessage): void {
    this.host.onClients(worker, message);
  }

  /** It failed, or somebody sent it TERM: its successor comes at once, not when it is done. */
  onLeaving(worker: WorkerProcess): void {
    if (!this.leaving.get(worker)) this.leaving.set(worker, this.killLater(worker));
    if (this.worker !== worker || this.isStopping) return;
    this.fillAfter(worker, null, null);
    this.changed();
  }

  onExit(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const timer = this.leaving.get(worker);
    const wasTold = timer !== undefined && timer !== null;
    const { livedMs, pid, clientsCut } = worker;
    if (wasTold) clearTimeout(timer);
    this.leaving.delete(worker);
    const event = { slot: this.index, workerPid: pid, code, signal, livedMs, clientsCut };
    if (wasTold && code === 0) this.log.info(event, 'worker left');
    else if (timer !== undefined) this.log.error(event, 'worker died while it was to leave: its clients were cut off');
    this.host.onGone(worker);
    if (this.worker === worker) {
      this.worker = null;
      if (!this.isStopping) this.fillAfter(worker, code, signal);
    }
    this.changed();
  }

  private fillAfter(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const { livedMs, pid, failure } = worker;
    this.worker = null;
    this.lastDeath = failure ?? (signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`);
    this.youngDeaths = livedMs < YOUNG_MS ? this.youngDeaths + 1 : 0;
    // The first early death may be an accident: its successor comes at once.
    const pauseMs = this.youngDeaths < 2 ? 0 : Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** (this.youngDeaths - 2));
    const event = { slot: this.index, workerPid: pid, code, signal, livedMs, restartInMs: pauseMs };
    this.log.error({ ...event, reason: this.lastDeath }, 'worker died; another takes its place');
    this.restarts++;
    if (pauseMs === 0) this.start();
    else this.restartTimer = setTimeout(() => this.start(), pauseMs);
  }

  /** Tells a worker to leave, once. */
  private letGo(worker: WorkerProcess): void {
    if (this.leaving.get(worker)) return;
    this.leaving.set(worker, this.killLater(worker));
    worker.drain();
  }

  private killLater(worker: WorkerProcess): NodeJS.Timeout {
    const { shutdownTimeoutMs } = this.host.current().config;
    const kill = () => {
      if (!this.leaving.has(worker)) return;
      this.log.warn({ slot: this.index, workerPid: worker.pid }, 'worker did not end within shutdown_timeout: killed');
      worker.kill();
    };
    // That it has ended, or serves, may be there to be read where this process was busy: here and below.
    return setTimeout(() => setImmediate(kill), shutdownTimeoutMs + EXIT_GRACE_MS);
  }

  private stopFilling(): void {
    this.isStopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    this.restartTimer = null;
  }

  /** Resolves with true once `isSo`, asked at every change, or with false after `withinMs`. */
  private until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | null = null;
      const watch = () => {
        if (!isSo()) {
          this.watchers.push(watch);
          return;
        }
        if (timer !== null) clearTimeout(timer);
        resolve(true);
      };
      if (Number.isFinite(withinMs)) {
        const giveUp = () => {
          this.watchers = this.watchers.filter(each => each !== watch);
          resolve(false);
        };
        timer = setTimeout(() => setImmediate(giveUp), withinMs);
      }
      watch();
    });
  }

  private changed(): void {
    const { watchers } = this;
    this.watchers = [];
    for (const watch of watchers) watch();
  }
}
