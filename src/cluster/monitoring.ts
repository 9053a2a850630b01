import { Metrics } from '../admin/metrics.ts';
import { Readiness } from '../admin/readiness.ts';
import { AdminServer } from '../admin/server.ts';
import { StatsPort } from '../admin/stats-port.ts';
import { Totals } from '../admin/totals.ts';
import type { Config, HostPort } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import { VERSION } from '../core/version.ts';

export interface MonitoringOptions {
  /** Where /metrics is served; null: nowhere. */
  readonly adminAddress: HostPort | null;
  /** Where twemproxy's statistics port is served; null: nowhere. */
  readonly statsAddress: HostPort | null;
}

/** What the master tells of its workers. */
export interface MonitoringSource {
  readonly log: Log;
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  fresh(): Promise<void>;
  workers(): readonly { readonly isReady: boolean; readonly restarts: number }[];
}

/** All that looks at the workers' figures from outside: the admin HTTP server and the statistics port. */
export class Monitoring {
  readonly totals: Totals;
  private readonly options: MonitoringOptions;
  private readonly admin: AdminServer;
  private readonly statsPort: StatsPort;
  private readonly readiness: Readiness;
  private bound: { admin?: HostPort; stats?: HostPort } = {};

  constructor(config: Config, options: MonitoringOptions, source: MonitoringSource) {
    this.options = options;
    this.totals = new Totals(config.pools);
    const fresh = () => source.fresh();
    const metrics = new Metrics({
      totals: this.totals,
      version: VERSION,
      workers: () => {
        const workers = source.workers();
        return {
          running: workers.filter(worker => worker.isReady).length,
          wanted: workers.length,
          restarts: workers.reduce((sum, worker) => sum + worker.restarts, 0),
        };
      },
    });
    // A worker that is ready listens for all pools.
    const listeningWorkers = () => source.workers().filter(worker => worker.isReady).length;
    this.readiness = new Readiness({ pools: config.pools, listeningWorkers });
    this.admin = new AdminServer({ metrics, readiness: this.readiness, fresh, log: source.log });
    this.statsPort = new StatsPort({ totals: this.totals, version: VERSION, fresh, log: source.log });
  }

  /** Where the servers listen, for the log. */
  get addresses(): { readonly admin?: HostPort; readonly stats?: HostPort } {
    return this.bound;
  }

  /** Throws an Error whose message is the sentence to show. */
  async listen(): Promise<void> {
    const { adminAddress, statsAddress } = this.options;
    if (adminAddress !== null) this.bound.admin = await this.admin.listen(adminAddress);
    if (statsAddress !== null) this.bound.stats = await this.statsPort.listen(statsAddress);
  }

  /** The pools are others now; those that stay keep their figures. */
  setPools(pools: Config['pools']): void {
    this.totals.setPools(pools);
    this.readiness.setPools(pools);
  }

  async close(): Promise<void> {
    await Promise.all([this.bound.admin && this.admin.close(), this.bound.stats && this.statsPort.close()]);
    this.bound = {};
  }
}
