import { Api, type ApiRoute, pageRoutes } from '../../admin/api.ts';
import { EventStream } from '../../admin/event-stream.ts';
import { joinRunning } from '../../admin/join-running.ts';
import { Metrics } from '../../admin/metrics.ts';
import type { HealthFigures } from '../../admin/pool-metrics.ts';
import type { WorkerReadiness } from '../../admin/readiness.ts';
import { Readiness } from '../../admin/readiness.ts';
import type { ReshardFigures } from '../../admin/reshard-metrics.ts';
import { AdminServer } from '../../admin/server.ts';
import { StatsPort } from '../../admin/stats-port.ts';
import { Totals } from '../../admin/totals.ts';
import { trafficPages } from '../../admin/traffic-pages.ts';
import type { HostPort } from '../../config/address.ts';
import { type CertificateDates, certificateDates } from '../../config/certificate-dates.ts';
import type { Config, PoolConfig } from '../../config/config.ts';
import { passwordDigests } from '../../config/password-digests.ts';
import { redactConfig } from '../../config/redact.ts';
import type { SlowLogEntry } from '../../figures/slow-request.ts';
import type { TrafficInsight } from '../../figures/traffic-insight.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { Log } from '../../system/log.ts';
import type { UnwrittenLines } from '../../system/logger.ts';
import { inSlices } from '../../system/slices.ts';
import { VERSION } from '../../system/version.ts';
import { AdminListeners, type AdminPlan, type HandleFor } from '../admin-listeners.ts';
import { type Control, controlAnswers } from '../control.ts';
import type { HandVerdict } from '../servers/hand-verdicts.ts';
import { type Discovery, topologyRoute } from '../topology/topology-api.ts';
import type { AuditCounts } from './audit-log.ts';
import type { Events } from './events.ts';
import { History } from './history.ts';
import { overview, type StateSource, stateRoutes } from './state-api.ts';

/** Who is being answered when another process takes over has so long to take the answer. */
const LEAVE_MS = 1000;
/** Workers report as often. */
const PULSE_MS = 1000;

/** What the master tells of itself and its workers. */
export interface MonitoringSource {
  readonly log: Log;
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  fresh(): Promise<void>;
  workers(): readonly WorkerReadiness[];
  /** Workers started in place of one that died, ever. */
  restarts(): number;
  /** Workers killed because they hung, ever. */
  hangs(): number;
  /** Of the servers that are asked if they are well. */
  health(): readonly HealthFigures[];
  /** Of the audit log. */
  audited(): AuditCounts;
  /** Of the master's own log. */
  unwrittenLogLines(): UnwrittenLines;
  /** What the workers have seen of the traffic lately; they are asked. */
  insights(): Promise<readonly TrafficInsight[]>;
  /** See `SlowLogs.newest`. */
  slowlog(pool: string | null, count: number): readonly SlowLogEntry[] | undefined;
  config(): Config;
  /** As workers have it. */
  served(): Config;
  readonly discovery: Discovery;
  readonly control: Control;
  /** Of the API, besides those of figures. */
  readonly routes: readonly ApiRoute[];
  readonly events: Events;
  /** See `StateSource`. */
  out(): readonly OutServer[];
  unwell(): readonly OutServer[];
  /** See `HealthChecks.verdictOf`. */
  verdict(pool: string, server: string): string | null | undefined;
  byHand(pool: string, server: string): HandVerdict | null;
  steered(): { readonly settings: number; readonly blocks: number };
  reshard(): ReshardFigures;
}

/** All that looks at the workers from outside: the admin HTTP server and the statistics port. */
export class Monitoring {
  readonly totals: Totals;
  readonly history: History;
  private readonly state: StateSource;
  private pulse: NodeJS.Timeout | null = null;
  /** What whoever listens to /api/v1/stream is told. */
  readonly stream = new EventStream();
  private readonly source: MonitoringSource;
  private readonly statsPort: StatsPort;
  private readonly readiness: Readiness;
  private readonly listeners: AdminListeners;
  private stats: HostPort | null = null;
  /** Where it was told to serve the statistics port. */
  private statsWanted: HostPort | null = null;

  constructor(config: Config, source: MonitoringSource) {
    this.source = source;
    this.totals = new Totals(config.pools);
    this.totals.setPools(config.pools, config.users);
    this.totals.digestsOf = (name, user) => {
      const pool = source.served().pools.find(each => each.name === name);
      return pool === undefined ? [] : passwordDigests(pool, user);
    };
    const { totals } = this;
    this.history = new History(totals);
    const fresh = () => source.fresh();
    this.state = {
      ...{ totals, history: this.history, events: source.events, fresh },
      config: () => ({ ...source.config(), pools: source.discovery.foundPools() }),
      topologies: () => source.discovery.rows(),
      workers: () => source.workers(),
      ...{ out: () => source.out(), unwell: () => source.unwell() },
      byHand: (pool, server) => source.byHand(pool, server),
      steered: () => source.steered(),
    };
    const metrics = new Metrics({
      totals: this.totals,
      version: VERSION,
      health: () => source.health(),
      logLines: () => source.unwrittenLogLines(),
      audited: () => source.audited(),
      events: () => source.events.counts(),
      reshard: () => source.reshard(),
      steered: () => source.steered(),
      topologies: () => source.discovery.rows(),
      certificates: () => [...certificateDates(source.served()), ...this.listeners.dates],
      workers: () => {
        const workers = source.workers();
        const count = (state: WorkerReadiness['state']) => workers.filter(worker => worker.state === state).length;
        return {
          running: count('serving'),
          wanted: workers.length,
          backingOff: count('backing_off'),
          restarts: source.restarts(),
          hangs: source.hangs(),
        };
      },
    });
    this.readiness = new Readiness({
      pools: config.pools,
      workers: () => source.workers(),
      reshard: () => source.reshard().active,
      holdMs: () => source.config().readinessHoldMs,
      verdict: (pool, server) => source.verdict(pool, server),
      tls: name => source.served().pools.find(pool => pool.name === name)?.tls?.servers ?? null,
    });
    const admin = new AdminServer({
      metrics,
      readiness: this.readiness,
      fresh,
      config: () => redactConfig(source.config()),
      api: new Api([
        ...pageRoutes(
          trafficPages({
            totals: this.totals,
            fresh,
            insights: joinRunning(() => source.insights()),
            slowlog: (pool, count) => source.slowlog(pool, count),
          }),
        ),
        topologyRoute(source.discovery),
        ...stateRoutes(this.state),
        ...source.routes,
      ]),
      stream: this.stream,
      control: controlAnswers(source.control, source.log),
      token: () => source.config().adminToken,
      log: source.log,
    });
    this.listeners = new AdminListeners(admin);
    this.statsPort = new StatsPort({ totals: this.totals, version: VERSION, fresh, log: source.log });
  }

  /** Where the servers listen, for the log. */
  get addresses(): { readonly admin?: HostPort; readonly adminSocket?: string; readonly stats?: HostPort } {
    return { ...this.listeners.addresses, ...(this.stats && { stats: this.stats }) };
  }

  /** `handleFor`: see `AdminListeners.handleFor`. Throws an Error whose message is the sentence to show. */
  async listen(config: Config, statsAddress: HostPort | null, handleFor: HandleFor): Promise<void> {
    this.pulse = setInterval(() => this.beat(), PULSE_MS).unref();
    this.listeners.handleFor = handleFor;
    (await this.listeners.plan(config, { admin: null, adminSocket: null, adminTls: null })).adopt();
    this.listeners.handleFor = () => null;
    this.statsWanted = statsAddress;
    if (statsAddress !== null) this.stats = await this.statsPort.listen(statsAddress, handleFor(statsAddress));
  }

  /** Those of the admin server. */
  get adminCertificates(): readonly CertificateDates[] {
    return this.listeners.dates;
  }

  /** What another process needs to listen there, too. */
  offered() {
    const stats = this.statsWanted === null ? [] : [{ wanted: this.statsWanted, handle: this.statsPort.handle }];
    return [...this.listeners.offered(this.source.config()), ...stats];
  }

  /** Another process answers from now on; resolves when who is being answered has the answer, or soon. */
  leave(): Promise<void> {
    return this.listeners.leave(LEAVE_MS);
  }

  /** Has the admin server listen where `config` says. Throws an Error whose message is the sentence to show. */
  plan(config: Config): Promise<AdminPlan> {
    return this.listeners.plan(config, this.source.config());
  }

  /** See `AdminListeners.renewTls`. */
  renewAdminTls(config: Config) {
    return this.listeners.renewTls(config);
  }

  rotateAdminTickets(): void {
    this.listeners.rotateTickets();
  }

  /** The pools are others now; those that stay keep their figures. */
  async setConfig({ pools, users }: Config): Promise<void> {
    await inSlices(this.totals.poolSteps(pools, users));
    this.readiness.setPools(pools);
  }

  /** The servers of a pool that are found are these now. */
  setServers(pool: PoolConfig): void {
    this.totals.setServers(pool.name, pool.servers);
    this.readiness.setServers(pool);
  }

  private beat(): void {
    this.history.sample();
    if (this.stream.hasListeners) this.stream.send('overview', overview(this.state));
  }

  async close(): Promise<void> {
    if (this.pulse !== null) clearInterval(this.pulse);
    this.pulse = null;
    await Promise.all([this.listeners.close(), this.stats && this.statsPort.close()]);
    this.stats = null;
  }
}
