import { availableParallelism } from 'node:os';
import type { HostPort } from '../config/address.ts';
import { configChanges } from '../config/changes.ts';
import type { Config } from '../config/config.ts';
import { configWarnings } from '../config/warnings.ts';
import type { SlowLogEntry } from '../figures/slow-request.ts';
import type { TrafficInsight } from '../figures/traffic-insight.ts';
import type { OutServer } from '../ipc/messages.ts';
import type { LogLevel } from '../system/log.ts';
import { createLog, type ReopenableLog } from '../system/logger.ts';
import { ConnectionQuotas, type PlaceMessage } from './connection-quotas.ts';
import { Ejections, type Trouble } from './ejections.ts';
import { IncompleteError, RefusedError, StartError } from './errors.ts';
import { HealthChecks } from './health-checks.ts';
import { type AdminPlan, Monitoring } from './monitoring.ts';
import { PidFile } from './pid-file.ts';
import { elapsedMs, type ReloadResult, SERVING_WITHIN_MS, type WorkerDone } from './progress.ts';
import { ReportRounds } from './report-rounds.ts';
import { type RestartResult, RollingRestart } from './rolling-restart.ts';
import { SlowLogs } from './slow-logs.ts';
import { type SocketPlan, SocketTable } from './socket-table.ts';
import { Watchdog } from './watchdog.ts';
import type { Generation, Report, SeenMessage, Sockets, WorkerProcess } from './worker-process.ts';
import { setUpWorkers } from './worker-runtime.ts';
import type { WorkerSlot, WorkerSlotHost } from './worker-slot.ts';
import { WorkerSlots } from './worker-slots.ts';

/** What the last worker gets on top of `shutdown_timeout` before it is killed: its slot should have done so. */
const STOP_GRACE_MS = 2000;

export interface MasterOptions {
  readonly pidFile: string | null;
  /** Where twemproxy's statistics port is served; null: nowhere. */
  readonly statsAddress: HostPort | null;
  /** Reads the configuration again. Throws a ConfigError. */
  readonly load: () => Config;
}

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
  private readonly sockets = new SocketTable();
  private readonly slots = new WorkerSlots(this);
  private readonly watchdog: Watchdog<WorkerProcess>;
  private readonly monitoring: Monitoring;
  private readonly rounds = new ReportRounds();
  private readonly insightRounds = new ReportRounds();
  private readonly slowLogs: SlowLogs;
  /** What each living worker said last of its traffic, by its id. */
  private readonly seen = new Map<number, readonly TrafficInsight[]>();
  private readonly quotas = new ConnectionQuotas();
  private readonly health: HealthChecks;
  private readonly ejections: Ejections;
  private pidFile: PidFile | null = null;
  private isStarted = false;
  /** What changes the workers, one after the other. */
  private changing: Promise<unknown> = Promise.resolve();
  /** The reload that has not begun: who asks for another meanwhile gets its answer. */
  private nextReload: Promise<ReloadResult> | null = null;
  private readonly rollingRestart: RollingRestart;
  private isStopping = false;
  private clientsCut = 0;
  /** All workers serve, or none is to serve any more. */
  private onStartEnded: () => void = () => {};
  private onStartFailed: (error: StartError) => void = () => {};
  private onAllGone: () => void = () => {};

  constructor(config: Config, options: MasterOptions) {
    this.config = config;
    this.options = options;
    this.quotas.setPools(config.pools);
    this.logFile = createLog(config.log, 'master');
    this.log = this.logFile.log;
    this.health = new HealthChecks({ log: this.log, onVerdict: () => this.tellHealth() });
    this.ejections = new Ejections({ log: this.log, onVerdict: () => this.tellHealth() });
    this.ejections.setPools(config.pools);
    this.watchdog = new Watchdog({
      limitMs: () => this.config.workerTimeoutMs,
      workers: () => this.slots.processes(),
      onHang: worker => this.slots.onHang(worker),
    });
    this.rollingRestart = new RollingRestart({
      log: this.log,
      slots: () => this.slots.current,
      inTurn: change => this.inTurn(change),
      refuseUnlessRunning: () => this.refuseUnlessRunning(),
    });
    this.slowLogs = new SlowLogs(config.pools, (pool, entries, isWhole) => {
      this.slots.broadcast({ type: 'slowlog', pool, entries, isWhole });
    });
    this.monitoring = new Monitoring(config, {
      log: this.log,
      fresh: () => this.fresh(),
      workers: () => this.slots.current.map(slot => slot.state()),
      restarts: () => this.slots.restarts(),
      hangs: () => this.slots.hangs(),
      health: () => this.health.figures(),
      unwrittenLogLines: () => this.logFile.unwritten(),
      insights: () => this.insights(),
      slowlog: (pool, count) => this.slowLogs.newest(pool, count),
      config: () => this.config,
      control: {
        reload: () => this.reload('admin'),
        restartWorkers: () => this.restartWorkers('admin'),
      },
    });
  }

  /**
   * Resolves with true when every listener of every worker accepts, with false when `stop` came first: that one drains
   * the workers that serve already. Throws a StartError; then nothing is left running.
   */
  async start(): Promise<boolean> {
    try {
      // Whether it can be written is known before anybody is served.
      if (this.options.pidFile !== null) this.pidFile = new PidFile(this.options.pidFile);
      const slots = slotCount(this.config);
      this.sockets.adopt(await this.sockets.plan(this.config.pools, slots));
      const { admin } = this.config;
      await this.monitoring.listen({ adminAddress: admin, statsAddress: this.options.statsAddress });
      if (!this.isStopping) await this.startWorkers(slots);
      if (this.isStopping) {
        // What was opened after `stop` had closed all there was.
        if (this.slots.current.length === 0) this.release();
        return false;
      }
      this.pidFile?.write();
    } catch (error) {
      this.isStopping = true;
      for (const slot of this.slots.current) slot.kill();
      this.release();
      throw new StartError((error as Error).message);
    }
    this.isStarted = true;
    this.health.setPools(this.config.pools);
    this.log.info(
      { pools: this.sockets.addresses(), workers: this.slots.current.length, ...this.monitoring.addresses },
      'ringmaster is ready',
    );
    return true;
  }

  /** Drains the workers; resolves when all are gone and nothing is left but this process. */
  async stop(why: string): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    this.log.info({ why }, 'ringmaster drains');
    this.health.stop();
    this.ejections.stop();
    const allGone = new Promise<void>(resolve => {
      this.onAllGone = resolve;
    });
    for (const slot of this.slots.current) slot.drain();
    this.onStartEnded();
    this.sockets.close();
    const timer = setTimeout(() => this.slots.killRemaining(this.log), this.config.shutdownTimeoutMs + STOP_GRACE_MS);
    if (!this.slots.areEmpty) await allGone;
    clearTimeout(timer);
    this.release();
    this.log.info({ clientsCut: this.clientsCut }, 'ringmaster is done');
  }

  /**
   * Reads the configuration again and serves by it, in two steps over all workers: prepare, then switch. Nothing
   * changes before all are prepared. Rejects with a ConfigError, RefusedError or ListenError when it can't be had, with
   * an IncompleteError when a worker does not follow; the log has it too. `by`: who asked.
   */
  reload(by: string): Promise<ReloadResult> {
    this.nextReload ??= this.inTurn(() => {
      this.nextReload = null;
      return this.reloadNow(by);
    }).catch(error => {
      const what =
        error instanceof IncompleteError ? 'reloaded, but not everywhere' : 'not reloaded: nothing has changed';
      this.log.error({ by, reason: error.message }, what);
      throw error;
    });
    return this.nextReload;
  }

  private async reloadNow(by: string): Promise<ReloadResult> {
    this.refuseUnlessRunning();
    const startedAtMs = performance.now();
    const config = this.options.load();
    const changes = configChanges(this.config, config);
    const { problems, closeObsolete, closeOldAdmin } = await this.prepareAll(config);
    const { id } = this.current();

    const count = slotCount(config);
    const removed = this.slots.shrinkTo(count);
    const switched = this.slots.current.map(slot => slot.switch(id));
    // Behind `switch`: the verdicts name pools and servers of the new configuration.
    this.tellHealth();
    this.tellSlowLogs();
    this.slots.growTo(count);
    for (const slot of removed) this.slots.drainRemoved(slot);
    await Promise.all(switched);
    // Till here the workers listened on them.
    closeObsolete();
    const workers = await Promise.all(this.slots.current.map(slot => this.served(slot, id, startedAtMs)));
    closeOldAdmin();

    const late = workers.flatMap((worker, i) => (worker === null ? [this.slots.current[i]!.state()] : []));
    if (late.length > 0) {
      const which = late.map(
        ({ slot, state, why }) => `worker slot ${slot} is ${state}${why === null ? '' : `: ${why}`}`,
      );
      throw new IncompleteError(`the configuration is in force, but ${which.join('; ')}`);
    }
    const warnings = [...configWarnings(config).map(({ path, message }) => `${path}: ${message}`), ...problems];
    const tookMs = elapsedMs(startedAtMs);
    this.log.info({ by, ...changes, warnings, tookMs }, 'configuration reloaded: every worker has it');
    return { changes, warnings, workers: workers.filter(worker => worker !== null), tookMs };
  }

  /** All that can be refused; what follows can't. Makes `config` the current one. */
  private async prepareAll(config: Config) {
    const generation = { id: this.generation + 1, config: forWorkers(config) };
    const plan = await this.sockets.plan(config.pools, slotCount(config));
    let admin: AdminPlan | null = null;
    const { file } = this.config.log;
    try {
      admin = await this.monitoring.plan(config).catch(refuse);
      if (config.log.file !== file) this.tryLog(config.log.file);
      await this.prepareWorkers(generation, plan);
      this.refuseUnlessRunning();
    } catch (error) {
      for (const slot of this.slots.current) slot.send({ type: 'abandon', id: generation.id });
      this.sockets.abandon(plan);
      admin?.abandon();
      if (config.log.file !== file) this.openLog(file);
      throw error;
    }
    const before = this.config;
    this.generation = generation.id;
    this.config = config;
    this.quotas.setPools(config.pools);
    this.slowLogs.setPools(config.pools);
    this.health.setPools(config.pools);
    this.ejections.setPools(config.pools);
    const { closeObsolete, problems } = this.sockets.adopt(plan);
    if (before.log.level !== config.log.level) this.logFile.setLevel(config.log.level);
    this.tellLog(false);
    this.monitoring.setConfig(config);
    return { problems, closeObsolete, closeOldAdmin: admin.adopt };
  }

  private async prepareWorkers(generation: Generation, plan: SocketPlan): Promise<void> {
    const slots = this.slots.current;
    const answers = await Promise.all(
      slots.map(slot => slot.prepare(generation, this.sockets.handles(slot.index, plan))),
    );
    for (const [i, answer] of answers.entries()) {
      if (answer.kind === 'refused') throw new RefusedError(`a worker refused the configuration: ${answer.message}`);
      if (answer.kind === 'hangs') {
        const { index, pid } = slots[i]!;
        throw new RefusedError(`worker slot ${index} (process ${pid}) does not answer; kill it and try again`);
      }
    }
  }

  private async served(slot: WorkerSlot, id: number, startedAtMs: number): Promise<WorkerDone | null> {
    if (!(await slot.untilServing(id, SERVING_WITHIN_MS))) return null;
    return { slot: slot.index, pid: slot.pid, servedAfterMs: elapsedMs(startedAtMs) };
  }

  /** See `RollingRestart.run`. */
  restartWorkers(by: string): Promise<RestartResult> {
    return this.rollingRestart.run(by);
  }

  /** Runs `change` when those before it are done. */
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.changing.then(change);
    this.changing = next.catch(() => {});
    return next;
  }

  private refuseUnlessRunning(): void {
    if (this.isStopping || !this.isStarted) throw new RefusedError('not while the daemon starts or stops');
  }

  logLevel(): LogLevel {
    return this.log.level as LogLevel;
  }

  setLogLevel(level: LogLevel): void {
    this.logFile.setLevel(level);
    this.tellLog(false);
  }

  /** Opens the log file anew, here and in the workers. */
  reopenLog(): void {
    this.openLog(this.config.log.file);
    this.tellLog(true);
    this.log.info({}, 'log reopened');
  }

  private tryLog(file: string | null): void {
    try {
      this.logFile.open(file);
    } catch (error) {
      refuse(error as Error);
    }
  }

  private openLog(file: string | null): void {
    try {
      this.logFile.open(file);
    } catch (error) {
      this.log.error({ file, reason: (error as Error).message }, 'cannot open the log file: the log goes on as before');
    }
  }

  private tellLog(reopen: boolean): void {
    const message = { type: 'log', level: this.logLevel(), file: this.config.log.file, reopen } as const;
    this.slots.broadcast(message);
  }

  private tellHealth(): void {
    this.slots.broadcast({ type: 'health', out: this.out() });
  }

  out(): readonly OutServer[] {
    return [...this.health.down(), ...this.ejections.out()];
  }

  current(): Generation {
    return { id: this.generation, config: forWorkers(this.config) };
  }

  socketsOf(slot: number): Sockets {
    return this.sockets.handles(slot);
  }

  onServing(): void {
    if (this.slots.current.every(each => each.isServing)) this.onStartEnded();
  }

  onTrouble(trouble: Trouble): void {
    if (!this.isStopping) this.ejections.trouble(trouble);
  }

  onPlaces(worker: WorkerProcess, message: PlaceMessage): void {
    this.quotas.receive(worker, message);
  }

  onReport(worker: WorkerProcess, { id, process, figures }: Report): void {
    this.monitoring.totals.take(worker.id, worker.slot, Buffer.from(figures, 'base64'), process);
    if (id !== null) this.rounds.arrived(id, worker.slot);
  }

  onSeen(worker: WorkerProcess, message: SeenMessage): void {
    switch (message.type) {
      case 'slow':
        this.slowLogs.add(worker.slot, message.requests);
        return;
      case 'clearSlowlog':
        this.slowLogs.clear(message.pool);
        return;
      case 'insight':
        this.seen.set(worker.id, message.pools);
        this.insightRounds.arrived(message.id, worker.slot);
        return;
    }
  }

  /** Pools may have other names and lengths now. */
  private tellSlowLogs(): void {
    for (const [pool, entries] of this.slowLogs.all()) {
      this.slots.broadcast({ type: 'slowlog', pool, entries, isWhole: true });
    }
  }

  slowlogs(): ReadonlyMap<string, readonly SlowLogEntry[]> {
    return this.slowLogs.all();
  }

  onGone(worker: WorkerProcess): void {
    this.seen.delete(worker.id);
    this.insightRounds.gone(worker.slot);
    this.quotas.retire(worker);
    this.monitoring.totals.retire(worker.id);
    this.rounds.gone(worker.slot);
    if (!this.isStarted && !this.isStopping)
      this.onStartFailed(new StartError(worker.failure ?? 'a worker died while it started'));
    this.clientsCut += worker.clientsCut;
    this.slots.forgetEmpty();
    if (this.slots.areEmpty) this.onAllGone();
  }

  /** Asks all workers for their figures; resolves when they came, or soon with what there is. */
  private fresh(): Promise<void> {
    const serving = this.slots.current.filter(slot => slot.isServing);
    return this.rounds.ask(serving.map(slot => ({ index: slot.index, ask: id => slot.send({ type: 'report', id }) })));
  }

  private async insights(): Promise<readonly TrafficInsight[]> {
    const serving = this.slots.current.filter(slot => slot.isServing);
    await this.insightRounds.ask(
      serving.map(slot => ({ index: slot.index, ask: id => slot.send({ type: 'insight', id }) })),
    );
    return [...this.seen.values()].flat();
  }

  private async startWorkers(count: number): Promise<void> {
    setUpWorkers();
    const ended = new Promise<void>((resolve, reject) => {
      this.onStartEnded = resolve;
      this.onStartFailed = reject;
    });
    this.slots.growTo(count);
    this.watchdog.start();
    await ended;
  }

  private release(): void {
    this.watchdog.stop();
    this.sockets.close();
    this.monitoring.close();
    this.pidFile?.release();
    this.pidFile = null;
  }
}

function slotCount({ workers }: Config): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** Workers have no business with the admin server's secret. */
function forWorkers(config: Config): Config {
  return { ...config, adminToken: null };
}

function refuse(error: Error): never {
  throw new RefusedError(error.message);
}
