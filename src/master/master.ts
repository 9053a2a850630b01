import type { Overridden } from '../config/changes/overrides.ts';
import type { Config } from '../config/config.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import type { Blocked, OutServer } from '../ipc/messages.ts';
import type { Log, LogLevel } from '../system/log.ts';
import { dropPrivileges } from '../system/privileges.ts';
import { adminRoutes } from './admin-routes.ts';
import { Blocks } from './blocks.ts';
import { ClientMatters } from './clients/client-matters.ts';
import { Deployment, refuseRestart, slotCount } from './configuration/deployment.ts';
import { LiveConfig } from './configuration/live-config.ts';
import { RefusedError, StartError } from './errors.ts';
import { oneByOne } from './in-turn.ts';
import type { PlaceMessage } from './limits/connection-quotas.ts';
import { MasterLog } from './master-log.ts';
import type { MasterOptions } from './master-options.ts';
import { Events } from './monitoring/events.ts';
import { Monitoring } from './monitoring/monitoring.ts';
import { SlowLogs } from './monitoring/slow-logs.ts';
import { Resharding } from './reshard/resharding.ts';
import type { Trouble } from './servers/ejections.ts';
import { ServerVerdicts } from './servers/server-verdicts.ts';
import { ServiceManager } from './service-manager.ts';
import { SocketTable } from './socket-table.ts';
import { Clusters } from './topology/clusters.ts';
import { Succession } from './upgrade/succession.ts';
import { FirstStart } from './workers/first-start.ts';
import type { ReloadResult } from './workers/progress.ts';
import { type RestartResult, RollingRestart } from './workers/rolling-restart.ts';
import { Watchdog } from './workers/watchdog.ts';
import { WorkerAnswers } from './workers/worker-answers.ts';
import type {
  ClientMessage,
  Generation,
  Report,
  SeenMessage,
  Sockets,
  WorkerProcess,
} from './workers/worker-process.ts';
import { setUpWorkers } from './workers/worker-runtime.ts';
import type { WorkerSlotHost } from './workers/worker-slot.ts';
import { WorkerSlots } from './workers/worker-slots.ts';

/** What the last worker gets on top of `shutdown_timeout` before it is killed: its slot should have done so. */
const STOP_GRACE_MS = 2000;

/**
 * The master: owns the listening sockets, keeps one worker in each slot, gathers their figures. It never touches
 * client traffic.
 */
export class Master implements WorkerSlotHost {
  readonly log: Log;
  private readonly events: Events;
  private readonly options: MasterOptions;
  readonly masterLog: MasterLog;
  private readonly deployment: Deployment;
  private readonly liveConfig: LiveConfig;
  private readonly sockets = new SocketTable();
  private readonly slots = new WorkerSlots(this);
  private readonly watchdog: Watchdog<WorkerProcess>;
  private readonly monitoring: Monitoring;
  private readonly answers = new WorkerAnswers(this.slots);
  private readonly slowLogs: SlowLogs;
  private readonly clientMatters: ClientMatters;
  private readonly verdicts: ServerVerdicts;
  private readonly blocks: Blocks;
  private readonly serviceManager: ServiceManager;
  private readonly clusters: Clusters;
  private readonly resharding: Resharding;
  readonly succession: Succession;
  private readonly firstStart = new FirstStart();
  /** What changes the workers, one after the other. */
  private readonly inTurn = oneByOne();
  private readonly rollingRestart: RollingRestart;
  private isStopping = false;
  private clientsCut = 0;
  private onAllGone: () => void = () => {};

  constructor(initial: Overridden, options: MasterOptions) {
    const { config } = initial;
    this.options = options;
    this.serviceManager = new ServiceManager({
      env: process.env,
      status: () => {
        const slots = this.slots.current;
        return `${slots.filter(slot => slot.isServing).length} of ${slots.length} workers serve`;
      },
    });
    this.masterLog = new MasterLog(config, message => this.slots.broadcast(message));
    this.events = new Events(event => this.monitoring.stream.send('event', event));
    this.log = this.masterLog.audit.from(this.events.from(this.masterLog.log));
    this.clientMatters = new ClientMatters(() => this.slots.processes(), this.log);
    this.verdicts = new ServerVerdicts({
      log: this.log,
      onVerdict: () => this.tellHealth(),
      onDoubt: (pool, server) => this.onHint(pool, `health checks find ${server} down`),
      servers: pool => this.clusters.servers(pool),
    });
    this.blocks = new Blocks({
      log: this.log,
      poolNames: () => this.config.pools.map(({ name }) => name),
      onChange: () => this.slots.broadcast({ type: 'block', id: 0, blocked: this.blocked() }),
    });
    this.clusters = new Clusters(this);
    this.watchdog = new Watchdog({
      limitMs: () => this.config.workerTimeoutMs,
      workers: () => this.slots.processes(),
      onHang: worker => this.slots.onHang(worker),
    });
    const turns = { inTurn: this.inTurn, refuseUnlessRunning: () => this.refuseUnlessRunning() };
    this.rollingRestart = new RollingRestart({ log: this.log, slots: () => this.slots.current, ...turns });
    this.slowLogs = new SlowLogs(config.pools, (pool, entries, isWhole) => {
      this.slots.broadcast({ type: 'slowlog', pool, entries, isWhole });
    });
    this.monitoring = new Monitoring(this.clusters.resolved(config), {
      log: this.log,
      fresh: () => this.answers.untilReported(),
      workers: () => this.slots.current.map(slot => slot.state()),
      restarts: () => this.slots.restarts(),
      hangs: () => this.slots.hangs(),
      health: () => this.verdicts.health.figures(),
      ...{ unwrittenLogLines: () => this.masterLog.unwritten(), audited: () => this.masterLog.audit.counts() },
      insights: () => this.answers.traffic(),
      slowlog: (pool, count) => this.slowLogs.newest(pool, count),
      ...{ config: () => this.config, served: () => this.deployment.served, discovery: this.clusters },
      control: {
        reload: by => this.reload(by),
        restartWorkers: by => this.restartWorkers(by),
      },
      events: this.events,
      ...{ out: () => this.out(), unwell: () => this.verdicts.health.unwell() },
      verdict: (pool, server) => this.verdicts.health.verdictOf(pool, server),
      byHand: (pool, server) => this.verdicts.byHand.of(pool, server),
      reshard: () => this.resharding.figures(),
      steered: () => ({ settings: this.liveConfig.overrides, blocks: this.blocks.list().length }),
      routes: adminRoutes({
        ...{ log: this.log, clientMatters: this.clientMatters, blocks: this.blocks, verdicts: this.verdicts },
        ...{ liveConfig: () => this.liveConfig, succession: () => this.succession, resharding: () => this.resharding },
        isPool: pool => this.config.pools.some(({ name }) => name === pool),
        untilBlocking: () => this.answers.untilBlocking(this.blocked()),
      }),
    });
    this.deployment = new Deployment(config, {
      sockets: this.sockets,
      slots: this.slots,
      monitoring: this.monitoring,
      ...{ masterLog: this.masterLog, log: this.log, ...turns },
      adopt: (next, served) => this.adopt(next, served),
      onSwitched: () => {
        this.tellHealth();
        this.slots.broadcast({ type: 'block', id: 0, blocked: this.blocked() });
        for (const [pool, topology] of this.topologies()) this.onTopology(pool, topology);
        this.slowLogs.tellAll();
      },
    });
    this.verdicts.ejections.setPools(this.deployment.served.pools);
    this.verdicts.byHand.setPools(config.pools);
    this.resharding = new Resharding({
      log: this.log,
      file: options.configFile,
      config: () => this.config,
      served: pool => this.deployment.served.pools.find(({ name }) => name === pool),
      out: () => this.out(),
      processes: () => this.slots.processes(),
      reload: () => this.reload('reshard'),
      refuseUnlessRunning: () => this.succession.refuseUnlessSettled(),
    });
    this.liveConfig = new LiveConfig(initial, {
      log: this.log,
      file: options.configFile,
      ...turns,
      serveBy: async (next, onAdopted) => this.serveBy(next, onAdopted),
    });
    const { sockets, monitoring, liveConfig, masterLog, blocks, verdicts, events, clientMatters } = this;
    const estate = { sockets, monitoring, liveConfig, masterLog, blocks, verdicts, events, clientMatters };
    this.succession = new Succession(estate, options.takeover, {
      ...{ log: this.log, serviceManager: this.serviceManager, ...turns },
      refuseWhileResharding: () => this.resharding.refuseWhileActive(),
      drainMs: () => this.config.shutdownTimeoutMs + STOP_GRACE_MS,
      stop: why => this.stop(why),
    });
  }

  get config(): Config {
    return this.deployment.config;
  }

  private serveBy(config: Config, onAdopted: () => void) {
    refuseRestart(this.config, config);
    this.resharding.refuse(config);
    return this.deployment.serveBy(config, onAdopted);
  }

  private async adopt(config: Config, served: Config): Promise<void> {
    this.slowLogs.setPools(config.pools);
    void this.clusters.setPools(served.pools);
    await this.verdicts.setPools(config, served);
    this.blocks.keepPools(config.pools.map(({ name }) => name));
    await this.monitoring.setConfig(this.clusters.resolved(config));
  }

  /**
   * Resolves with true when every listener of every worker accepts, with false when `stop` came first: that one drains
   * the workers that serve already. Throws a StartError; then nothing is left running.
   */
  async start(): Promise<boolean> {
    try {
      // Whether it can be written is known before anybody is served.
      const { pidFile, statsAddress } = this.options;
      if (pidFile !== null) this.succession.takePidFile(pidFile);
      this.succession.inherit(this.deployment.served.pools);
      const slots = slotCount(this.config);
      const { closeObsolete } = this.sockets.adopt(await this.sockets.plan(this.config.pools, slots));
      await this.monitoring.listen(this.config, statsAddress, address => this.succession.serverHandle(address));
      const user = dropPrivileges();
      if (user !== null) this.log.info({ ...user }, 'privileges dropped');
      this.deployment.sayExpired();
      await this.clusters.start(this.deployment.served.pools);
      if (!this.isStopping) await this.startWorkers(slots);
      if (this.isStopping) {
        // What was opened after `stop` had closed all there was.
        if (this.slots.current.length === 0) this.release();
        return false;
      }
      this.succession.done();
      closeObsolete();
    } catch (error) {
      // Beside another master clients may have come already.
      if (this.succession.predecessor !== null) await this.stop('the upgrade failed');
      else {
        this.isStopping = true;
        for (const slot of this.slots.current) slot.kill();
        this.release();
      }
      throw new StartError((error as Error).message);
    }
    this.firstStart.isDone = true;
    this.serviceManager.ready();
    this.verdicts.health.setPools(this.deployment.served.pools);
    this.resharding.resume();
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
    this.serviceManager.stopping();
    this.log.info({ why }, 'ringmaster drains');
    this.verdicts.stop();
    this.resharding.stop();
    this.clusters.stop();
    const allGone = new Promise<void>(resolve => {
      this.onAllGone = resolve;
    });
    for (const slot of this.slots.current) slot.drain();
    this.firstStart.end();
    this.succession.closeSockets();
    const timer = setTimeout(() => this.slots.killRemaining(this.log), this.config.shutdownTimeoutMs + STOP_GRACE_MS);
    if (!this.slots.areEmpty) await allGone;
    clearTimeout(timer);
    this.release();
    this.log.info({ clientsCut: this.clientsCut }, 'ringmaster is done');
  }

  /** See `LiveConfig.reload`. */
  reload(by: string): Promise<ReloadResult> {
    return this.serviceManager.reloading(() => this.liveConfig.reload(by));
  }

  /** See `RollingRestart.run`. */
  restartWorkers(by: string): Promise<RestartResult> {
    return this.rollingRestart.run(by);
  }

  private refuseUnlessRunning(): void {
    if (this.isStopping || !this.firstStart.isDone) throw new RefusedError('not while the daemon starts or stops');
  }

  logLevel(): LogLevel {
    return this.masterLog.level;
  }

  blocked(): readonly Blocked[] {
    return this.blocks.list().map(({ pool, kind, value }) => ({ pool, kind, value }));
  }

  onBlocking(worker: WorkerProcess, id: number): void {
    this.answers.onBlocking(worker, id);
  }

  tellHealth(): void {
    this.slots.broadcast({ type: 'health', out: this.out() });
  }

  out(): readonly OutServer[] {
    return [...this.verdicts.out(), ...this.clusters.out()];
  }

  topologies(): ReadonlyMap<string, ClusterTopology> {
    return this.clusters.topologies();
  }

  onTopology(pool: string, topology: ClusterTopology): void {
    for (const found of this.clusters.withNodes(this.config.pools, pool)) this.monitoring.setServers(found);
    this.slots.broadcast({ type: 'topology', pool, topology });
    this.verdicts.health.serversChanged(pool);
  }

  onHint(pool: string, why: string): void {
    this.clusters.wanted(pool, why);
  }

  current(): Generation {
    return this.deployment.current();
  }

  socketsOf(slot: number): Sockets {
    return this.sockets.handles(slot);
  }

  onServing(): void {
    if (this.slots.current.every(each => each.isServing)) this.firstStart.end();
  }

  onTrouble(trouble: Trouble): void {
    if (!this.isStopping) this.verdicts.ejections.trouble(trouble);
  }

  onPlaces(worker: WorkerProcess, message: PlaceMessage): void {
    this.clientMatters.placesAsked(worker, message);
  }

  onReport(worker: WorkerProcess, { id, process, figures }: Report): void {
    this.monitoring.totals.take(worker.id, worker.slot, Buffer.from(figures, 'base64'), process);
    if (id !== null) this.answers.onReport(worker, id);
  }

  onSeen(worker: WorkerProcess, message: SeenMessage): void {
    switch (message.type) {
      case 'insight':
        this.answers.onInsight(worker, message.id, message.pools);
        return;
      case 'audit':
        this.masterLog.audit.add(message.entries, message.dropped);
        return;
      default:
        this.slowLogs.receive(worker.slot, message);
    }
  }

  onClients(worker: WorkerProcess, message: ClientMessage): void {
    this.clientMatters.receive(worker, message);
  }

  greet(worker: WorkerProcess): void {
    for (const [pool, entries] of this.slowLogs.all()) worker.send({ type: 'slowlog', pool, entries, isWhole: true });
    this.clientMatters.greet(worker);
    this.resharding.greet(worker);
  }

  onGone(worker: WorkerProcess): void {
    this.clientMatters.gone(worker);
    this.answers.gone(worker);
    this.monitoring.totals.retire(worker.id);
    if (!this.firstStart.isDone && !this.isStopping)
      this.firstStart.fail(new StartError(worker.failure ?? 'a worker died while it started'));
    this.clientsCut += worker.clientsCut;
    this.slots.forgetEmpty();
    if (this.slots.areEmpty) this.onAllGone();
  }

  private async startWorkers(count: number): Promise<void> {
    setUpWorkers();
    this.slots.growTo(count);
    this.watchdog.start();
    await this.firstStart.untilEnded();
  }

  private release(): void {
    this.watchdog.stop();
    this.serviceManager.close();
    this.monitoring.close();
    this.succession.over();
  }
}
