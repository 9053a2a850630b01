import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config, LogLevel } from '../config/config.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';
import type { ToWorker } from './ipc.ts';
import { type BoundHandle, bindPool, closePool, type PoolSockets } from './listen-sockets.ts';
import { createLog, type ReopenableLog } from './logger.ts';
import { Monitoring, type MonitoringOptions } from './monitoring.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { WorkerSlot, type WorkerSlotHost } from './worker-slot.ts';

/**
 * V8 for a proxy that makes short-lived garbage and shares its cores with other workers: a young generation that a
 * burst does not overflow, and no helper threads (docs/decisions/0003-v8-flags.md).
 */
const WORKER_V8_FLAGS = ['--max-semi-space-size=64', '--single-threaded'];
/** How long the master waits for fresh figures of its workers. */
const FRESH_WITHIN_MS = 100;
/** What a worker gets on top of `shutdown_timeout` before it is killed. */
const EXIT_GRACE_MS = 1000;

export interface MasterOptions extends Omit<MonitoringOptions, 'adminAddress'> {
  /** Wins over the file's. */
  readonly workers: number | null;
  readonly pidFile: string | null;
}

/** A start that failed; the message is for the operator, on one line. */
export class StartError extends Error {}

/**
 * The master: owns the listening sockets, keeps one worker in each slot, gathers their figures. It never touches
 * client traffic.
 */
export class Master implements WorkerSlotHost {
  readonly log: ReopenableLog['log'];
  private readonly config: Config;
  private readonly options: MasterOptions;
  private readonly logFile: ReopenableLog;
  private readonly sockets = new Map<string, PoolSockets>();
  private readonly slots: WorkerSlot[] = [];
  private readonly monitoring: Monitoring;
  private readonly waiting = new Map<number, { missing: Set<number>; done: () => void }>();
  private lastReport = 0;
  private isStarted = false;
  private isStopping = false;
  private onAllReady: () => void = () => {};
  private onStartFailed: (error: StartError) => void = () => {};
  private onAllGone: () => void = () => {};

  constructor(config: Config, options: MasterOptions) {
    this.config = config;
    this.options = options;
    this.logFile = createLog(config.log, 'master');
    this.log = this.logFile.log;
    this.monitoring = new Monitoring(
      config,
      { adminAddress: config.admin, statsAddress: options.statsAddress },
      {
        log: this.log,
        fresh: () => this.fresh(),
        workers: () => this.slots,
      },
    );
  }

  /** Resolves when every listener of every worker accepts. Throws a StartError; then nothing is left running. */
  async start(): Promise<void> {
    try {
      const count = this.options.workers ?? this.config.workers;
      const slots = count === 'auto' ? availableParallelism() : count;
      for (const pool of this.config.pools) this.sockets.set(pool.name, await bindPool(pool, slots));
      await this.monitoring.listen();
      await this.startWorkers(slots);
      if (this.options.pidFile !== null) writePidFile(this.options.pidFile);
    } catch (error) {
      this.isStopping = true;
      for (const slot of this.slots) slot.kill();
      this.release();
      throw new StartError((error as Error).message);
    }
    this.isStarted = true;
    const pools = [...this.sockets].map(([name, { address }]) => ({ name, listen: address }));
    this.log.info({ pools, workers: this.slots.length, ...this.monitoring.addresses }, 'ringmaster is ready');
  }

  /** Drains the workers; resolves when all are gone and nothing is left but this process. */
  async stop(why: string): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    this.log.info({ why }, 'ringmaster drains');
    const allGone = new Promise<void>(resolve => {
      this.onAllGone = resolve;
    });
    for (const slot of this.slots) slot.drain();
    this.closeSockets();
    const timer = setTimeout(() => this.killRemaining(), this.config.shutdownTimeoutMs + EXIT_GRACE_MS);
    if (this.slots.some(slot => slot.pid !== null)) await allGone;
    clearTimeout(timer);
    this.release();
    this.log.info({}, 'ringmaster is done');
  }

  setLogLevel(level: LogLevel): void {
    this.logFile.setLevel(level);
    for (const slot of this.slots) slot.send({ type: 'log', level, reopen: false });
  }

  /** Opens the log file anew, here and in the workers. */
  reopenLog(): void {
    this.logFile.reopen();
    for (const slot of this.slots) slot.send({ type: 'log', level: this.log.level as LogLevel, reopen: true });
    this.log.info({}, 'log reopened');
  }

  startMessage(slot: number): ToWorker {
    return { type: 'start', slot, config: this.config };
  }

  *socketsOf(slot: number): Iterable<readonly [string, BoundHandle]> {
    for (const [pool, { handles }] of this.sockets) yield [pool, handles[slot] as BoundHandle];
  }

  onReady(slot: WorkerSlot): void {
    this.log.info({ slot: slot.index, workerPid: slot.pid }, 'worker is ready');
    if (this.slots.every(each => each.isReady)) this.onAllReady();
  }

  onReport(slot: WorkerSlot, id: number | null, snapshot: WorkerSnapshot): void {
    this.monitoring.totals.update(slot.index, snapshot);
    if (id !== null) this.reportArrived(id, slot.index);
  }

  onGone(slot: WorkerSlot, failure: string | null): void {
    this.monitoring.totals.retire(slot.index);
    for (const id of this.waiting.keys()) this.reportArrived(id, slot.index);
    if (!this.isStarted) this.onStartFailed(new StartError(failure ?? 'a worker died while it started'));
    if (this.slots.every(each => each.pid === null)) this.onAllGone();
  }

  /** Asks all workers for their figures; resolves when they came, or after 100 ms with what there is. */
  private fresh(): Promise<void> {
    const id = ++this.lastReport;
    const missing = new Set(
      this.slots.filter(slot => slot.isReady && slot.send({ type: 'report', id })).map(s => s.index),
    );
    if (missing.size === 0) return Promise.resolve();
    return new Promise(resolve => {
      const timer = setTimeout(() => done(), FRESH_WITHIN_MS);
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve();
      };
      this.waiting.set(id, { missing, done });
    });
  }

  private reportArrived(id: number, slot: number): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    waiting.missing.delete(slot);
    if (waiting.missing.size === 0) waiting.done();
  }

  private async startWorkers(count: number): Promise<void> {
    const entry = new URL(`./worker-main${extname(import.meta.filename)}`, import.meta.url);
    cluster.setupPrimary({ exec: fileURLToPath(entry), args: [], execArgv: WORKER_V8_FLAGS });
    const allReady = new Promise<void>((resolve, reject) => {
      this.onAllReady = resolve;
      this.onStartFailed = reject;
    });
    for (let index = 0; index < count; index++) {
      const slot = new WorkerSlot(index, this);
      this.slots.push(slot);
      slot.start();
    }
    await allReady;
  }

  private killRemaining(): void {
    for (const slot of this.slots) {
      if (slot.pid === null) continue;
      this.log.warn({ slot: slot.index, workerPid: slot.pid }, 'worker did not end within shutdown_timeout: killed');
      slot.kill();
    }
  }

  private closeSockets(): void {
    for (const sockets of this.sockets.values()) closePool(sockets);
    this.sockets.clear();
  }

  private release(): void {
    this.closeSockets();
    this.monitoring.close();
    if (this.options.pidFile !== null && this.isStarted) removePidFile(this.options.pidFile);
  }
}
