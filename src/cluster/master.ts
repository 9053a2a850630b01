import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigChanges, configChanges } from '../config/changes.ts';
import type { Config, LogLevel } from '../config/config.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';
import { createLog, type ReopenableLog } from './logger.ts';
import { Monitoring, type MonitoringOptions } from './monitoring.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { SocketTable } from './socket-table.ts';
import type { Generation, Sockets, WorkerProcess } from './worker-process.ts';
import { WorkerSlot, type WorkerSlotHost } from './worker-slot.ts';

/**
 * V8 for a proxy that makes short-lived garbage and shares its cores with other workers: a young generation that a
 * burst does not overflow, and no helper threads (docs/decisions/v8-flags.md). node:ffi is experimental, and says so.
 */
const WORKER_FLAGS = ['--max-semi-space-size=64', '--single-threaded', '--disable-warning=ExperimentalWarning'];
/** How long the master waits for fresh figures of its workers. */
const FRESH_WITHIN_MS = 100;
/** What a worker gets on top of `shutdown_timeout` before it is killed. */
const EXIT_GRACE_MS = 1000;

export interface MasterOptions extends Omit<MonitoringOptions, 'adminAddress'> {
  /** Wins over the file's. */
  readonly workers: number | null;
  readonly pidFile: string | null;
}

export interface ReloadResult {
  readonly changes: ConfigChanges;
  /** From the beginning until every worker served by it. */
  readonly tookMs: number;
}

/** A start that failed; the message is for the operator, on one line. */
export class StartError extends Error {}

/**
 * The master: owns the listening sockets, keeps one worker in each slot, gathers their figures. It never touches
 * client traffic.
 */
export class Master implements WorkerSlotHost {
  readonly log: ReopenableLog['log'];
  private config: Config;
  /** Counts configurations: how master and workers speak of them. */
  private generation = 1;
  private readonly options: MasterOptions;
  private readonly logFile: ReopenableLog;
  private sockets = new SocketTable(0);
  private readonly slots: WorkerSlot[] = [];
  private readonly monitoring: Monitoring;
  private readonly waiting = new Map<number, { missing: Set<number>; done: () => void }>();
  private lastReport = 0;
  private isStarted = false;
  private reloading: Promise<unknown> = Promise.resolve();
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
      this.sockets = new SocketTable(slots);
      this.sockets.adopt(await this.sockets.plan(this.config.pools));
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
    this.log.info(
      { pools: this.sockets.addresses(), workers: this.slots.length, ...this.monitoring.addresses },
      'ringmaster is ready',
    );
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
    this.sockets.close();
    const timer = setTimeout(() => this.killRemaining(), this.config.shutdownTimeoutMs + EXIT_GRACE_MS);
    if (this.slots.some(slot => !slot.isEmpty)) await allGone;
    clearTimeout(timer);
    this.release();
    this.log.info({}, 'ringmaster is done');
  }

  /**
   * Serves by another configuration, in two steps over all workers: prepare, then switch. Nothing changes before all
   * are prepared. Rejects with an Error for the operator when the configuration can't be had; reloads wait for each
   * other.
   */
  reload(load: () => Config): Promise<ReloadResult> {
    const next = this.reloading.then(() => this.reloadNow(load));
    this.reloading = next.catch(() => {});
    return next;
  }

  private async reloadNow(load: () => Config): Promise<ReloadResult> {
    if (this.isStopping || !this.isStarted) throw new Error('not while the daemon starts or stops');
    const startedAtMs = performance.now();
    const config = load();
    const changes = configChanges(this.config, config);
    const plan = await this.sockets.plan(config.pools);
    const generation = { id: this.generation + 1, config };
    const answers = await Promise.all(
      this.slots.map(slot => slot.prepare(generation, this.sockets.handles(slot.index, plan))),
    );
    const problem = answers.find(answer => answer !== null);
    if (problem !== undefined && problem !== null) {
      for (const slot of this.slots) slot.send({ type: 'abandon', id: generation.id });
      this.sockets.abandon(plan);
      throw new Error(`a worker refused the configuration: ${problem}`);
    }
    this.generation = generation.id;
    this.config = config;
    const closeObsolete = this.sockets.adopt(plan);
    await Promise.all(this.slots.map(slot => slot.switch(generation.id)));
    // Till here the workers listened on them.
    closeObsolete();
    this.monitoring.setPools(config.pools);
    if (config.log.level !== this.log.level) this.setLogLevel(config.log.level);
    const tookMs = Math.round(performance.now() - startedAtMs);
    this.log.info({ ...changes, tookMs }, 'configuration reloaded: every worker has it');
    return { changes, tookMs };
  }

  /** Replaces the workers one by one, each by a successor that serves before it leaves. */
  restartWorkers(): Promise<void> {
    const next = this.reloading.then(async () => {
      for (const slot of this.slots) await slot.replace();
      this.log.info({ workers: this.slots.length }, 'all workers were replaced');
    });
    this.reloading = next.catch(() => {});
    return next;
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

  current(): Generation {
    return { id: this.generation, config: this.config };
  }

  socketsOf(slot: number): Sockets {
    return this.sockets.handles(slot);
  }

  onReady(): void {
    if (this.slots.every(each => each.isReady)) this.onAllReady();
  }

  onReport(worker: WorkerProcess, id: number | null, snapshot: WorkerSnapshot): void {
    this.monitoring.totals.update(worker.id, snapshot, worker.slot);
    if (id !== null) this.reportArrived(id, worker.slot);
  }

  onGone(worker: WorkerProcess): void {
    this.monitoring.totals.retire(worker.id);
    for (const id of this.waiting.keys()) this.reportArrived(id, worker.slot);
    if (!this.isStarted) this.onStartFailed(new StartError(worker.failure ?? 'a worker died while it started'));
    if (this.slots.every(slot => slot.isEmpty)) this.onAllGone();
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
    cluster.setupPrimary({ exec: fileURLToPath(entry), args: [], execArgv: WORKER_FLAGS });
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
      if (slot.isEmpty) continue;
      this.log.warn({ slot: slot.index }, 'worker did not end within shutdown_timeout: killed');
      slot.kill();
    }
  }

  private release(): void {
    this.sockets.close();
    this.monitoring.close();
    if (this.options.pidFile !== null && this.isStarted) removePidFile(this.options.pidFile);
  }
}
