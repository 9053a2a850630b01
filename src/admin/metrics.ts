import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { StatKind } from '../figures/statistics.ts';
import { Slices } from '../system/slices.ts';
import { latencyMetrics } from './latency-metrics.ts';
import { MetricsText, US_PER_SECOND } from './metrics-text.ts';
import { type HealthFigures, poolMetrics } from './pool-metrics.ts';
import { RESHARD_METRICS, type ReshardFigures } from './reshard-metrics.ts';
import type { TopologyRow } from './topology-row.ts';
import type { Totals, WorkerFigures } from './totals.ts';
import { userMetrics } from './user-metrics.ts';

export interface WorkerCounts {
  readonly running: number;
  readonly wanted: number;
  /** Slots that wait before their next worker, because the last ones died young. */
  readonly backingOff: number;
  /** Workers started in place of one that died. */
  readonly restarts: number;
  /** Workers killed because they hung. */
  readonly hangs: number;
}

export interface MetricsOptions {
  readonly totals: Totals;
  /** Ringmaster's. */
  readonly version: string;
  /** Asked at every scrape. */
  readonly workers: () => WorkerCounts;
  /** Asked at every scrape: servers with health checks. */
  readonly health: () => readonly HealthFigures[];
  /** Asked at every scrape: lines of the master's own log that were not written. */
  readonly logLines: () => { readonly dropped: number; readonly heldBack: number };
  /** Asked at every scrape: lines of the audit log. */
  readonly audited: () => { readonly written: number; readonly dropped: number };
  /** Asked at every scrape: what has happened since the start, by its name. */
  readonly events: () => ReadonlyMap<string, { readonly count: number; readonly lastAtMs: number }>;
  /** Asked at every scrape: pools whose servers are found. */
  readonly topologies: () => readonly TopologyRow[];
  /** Asked at every scrape: certificates that are shown. */
  readonly certificates: () => readonly CertificateRow[];
  /** Asked at every scrape. */
  readonly steered: () => { readonly settings: number; readonly blocks: number };
  /** Asked at every scrape. */
  readonly reshard: () => ReshardFigures;
}

export interface CertificateRow {
  readonly pool: string;
  readonly side: string;
  readonly file: string;
  readonly notAfterMs: number;
}

/** One line of output. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface MetricDefinition {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  readonly labels: readonly string[];
  /** All lines, at the time of a scrape. */
  samples(): Sample[];
}

// The delay histogram of the default metrics wakes the process this often.
const EVENT_LOOP_SAMPLING_MS = 100;

/** Of a pool whose servers are found; null: it has no such figure. */
const TOPOLOGY_METRICS: readonly {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  value(row: TopologyRow): number | null;
}[] = [
  {
    name: 'ringmaster_pool_topology_refreshes_total',
    kind: 'counter',
    help: 'times the servers of the pool were asked for (cluster, sentinel)',
    value: row => row.refreshes,
  },
  {
    name: 'ringmaster_pool_topology_failures_total',
    kind: 'counter',
    help: 'times nobody knew the servers of the pool (cluster, sentinel)',
    value: row => row.failures,
  },
  {
    name: 'ringmaster_pool_topology_age_seconds',
    kind: 'gauge',
    help: 'since the servers of the pool were last told (cluster, sentinel)',
    value: row => (row.refreshedAt === null ? null : (Date.now() - Date.parse(row.refreshedAt)) / 1000),
  },
  {
    name: 'ringmaster_pool_fail_overs_total',
    kind: 'counter',
    help: 'times another server of the pool has taken over (cluster, sentinel)',
    value: row => row.failOvers,
  },
  {
    name: 'ringmaster_pool_unserved_slots',
    kind: 'gauge',
    help: 'slots of the cluster that nobody has',
    value: row => row.unservedSlots,
  },
];

/** Of one worker process. CPU seconds begin anew when the slot gets a new process, which Prometheus' rate() allows for. */
const WORKER_METRICS: readonly {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  value(worker: WorkerFigures): number;
}[] = [
  {
    name: 'ringmaster_worker_cpu_user_seconds_total',
    kind: 'counter',
    help: 'CPU time of the worker in user space',
    value: worker => worker.process.cpuUserUs / US_PER_SECOND,
  },
  {
    name: 'ringmaster_worker_cpu_system_seconds_total',
    kind: 'counter',
    help: 'CPU time of the worker in the kernel',
    value: worker => worker.process.cpuSystemUs / US_PER_SECOND,
  },
  {
    name: 'ringmaster_worker_resident_memory_bytes',
    kind: 'gauge',
    help: 'resident memory of the worker',
    value: worker => worker.process.residentBytes,
  },
  {
    name: 'ringmaster_worker_heap_used_bytes',
    kind: 'gauge',
    help: 'JavaScript heap in use in the worker',
    value: worker => worker.process.heapUsedBytes,
  },
  {
    name: 'ringmaster_worker_external_memory_bytes',
    kind: 'gauge',
    help: 'memory outside the JavaScript heap that its objects hold: buffers, above all',
    value: worker => worker.process.externalBytes,
  },
  {
    name: 'ringmaster_worker_held_bytes',
    kind: 'gauge',
    help: 'bytes of requests and replies that the worker holds for its clients',
    value: worker => worker.process.heldBytes,
  },
  {
    name: 'ringmaster_worker_held_limit_bytes',
    kind: 'gauge',
    help: 'how many these may be before those who hold most are cut off (max_memory); 0: any number',
    value: worker => worker.process.heldLimitBytes,
  },
  {
    name: 'ringmaster_worker_quick_ack',
    kind: 'gauge',
    help: '1 when requests that arrive in pieces are acknowledged at once, 0 where node:ffi or Linux is missing',
    value: worker => Number(worker.process.hasQuickAck),
  },
  {
    name: 'ringmaster_worker_polled_sockets',
    kind: 'gauge',
    help: '1 when the sockets run on system calls, 0 when on node:net, which costs more CPU time',
    value: worker => Number(worker.process.hasPolledSockets),
  },
  {
    name: 'ringmaster_worker_log_lines_dropped_total',
    kind: 'counter',
    help: 'lines of its log that nobody took: a pipe that is not read, a full disk',
    value: worker => worker.process.logLinesDropped,
  },
  {
    name: 'ringmaster_worker_log_lines_held_back_total',
    kind: 'counter',
    help: 'lines of its log that only repeated others; the log has their number',
    value: worker => worker.process.logLinesHeldBack,
  },
  {
    name: 'ringmaster_worker_event_loop_utilization_ratio',
    kind: 'gauge',
    help: 'share of time the event loop of the worker was busy since the worker started, 0 to 1',
    value: worker => worker.process.eventLoopUtilization,
  },
  {
    name: 'ringmaster_worker_uptime_seconds',
    kind: 'gauge',
    help: 'time since the worker started',
    value: worker => worker.process.uptimeMs / 1000,
  },
  {
    name: 'ringmaster_worker_client_connections',
    kind: 'gauge',
    help: 'active client connections of the worker, over all pools',
    value: worker => worker.clientConnections,
  },
];

/** The text of /metrics. Nothing is counted here: every value is read from the totals when it is asked for. */
export class Metrics {
  readonly contentType: string;
  private readonly registry = new Registry();
  private readonly options: MetricsOptions;
  // As of the scrape that runs.
  private workers: readonly WorkerFigures[] = [];

  constructor(options: MetricsOptions) {
    this.options = options;
    this.contentType = this.registry.contentType;
    for (const metric of this.processDefinitions()) register(metric, this.registry);
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLING_MS });
  }

  /** All metrics in Prometheus' text format. */
  async render(): Promise<string> {
    const { totals } = this.options;
    this.workers = totals.workers();
    // All numbers are of one moment; prom-client calls every collect() before metrics() returns.
    const pools = totals.figures();
    const health = this.options.health();
    const ours = this.registry.metrics();
    const text = new MetricsText();
    const slices = new Slices();
    await poolMetrics(text, pools, health, slices);
    await userMetrics(text, totals.users(), slices);
    await latencyMetrics(text, totals.latencies(), totals.nowS(), slices);
    return (await ours) + text.toString();
  }

  private processDefinitions(): MetricDefinition[] {
    const { version, workers, logLines, events, steered, reshard, topologies, certificates, audited } = this.options;
    return [
      {
        name: 'ringmaster_build_info',
        kind: 'gauge',
        help: 'always 1; the labels say what runs',
        labels: ['version', 'node_version'],
        samples: () => [{ labels: { version, node_version: process.version }, value: 1 }],
      },
      {
        name: 'ringmaster_workers',
        kind: 'gauge',
        help: 'worker slots: those whose worker serves, those that wait because their workers keep dying, and all',
        labels: ['state'],
        samples: () => {
          const { running, backingOff, wanted } = workers();
          return [
            { labels: { state: 'backing_off' }, value: backingOff },
            { labels: { state: 'running' }, value: running },
            { labels: { state: 'wanted' }, value: wanted },
          ];
        },
      },
      {
        name: 'ringmaster_worker_restarts_total',
        kind: 'counter',
        help: 'workers started in place of one that died',
        labels: [],
        samples: () => [{ labels: {}, value: workers().restarts }],
      },
      {
        name: 'ringmaster_worker_hangs_total',
        kind: 'counter',
        help: 'workers killed because they did not report for worker_timeout; each is among the restarts',
        labels: [],
        samples: () => [{ labels: {}, value: workers().hangs }],
      },
      {
        name: 'ringmaster_log_lines_dropped_total',
        kind: 'counter',
        help: 'lines of the log of the master that nobody took',
        labels: [],
        samples: () => [{ labels: {}, value: logLines().dropped }],
      },
      {
        name: 'ringmaster_log_lines_held_back_total',
        kind: 'counter',
        help: 'lines of the log of the master that only repeated others',
        labels: [],
        samples: () => [{ labels: {}, value: logLines().heldBack }],
      },
      {
        name: 'ringmaster_audit_lines_total',
        kind: 'counter',
        help: 'lines of the audit log',
        labels: [],
        samples: () => [{ labels: {}, value: audited().written }],
      },
      {
        name: 'ringmaster_audit_lines_dropped_total',
        kind: 'counter',
        help: 'lines of the audit log that were lost: more than could wait, or a file that takes none',
        labels: [],
        samples: () => [{ labels: {}, value: audited().dropped }],
      },
      {
        name: 'ringmaster_events_total',
        kind: 'counter',
        help: 'what has happened, such as setting_changed, by the names of docs/api.md',
        labels: ['event'],
        samples: () => [...events()].map(([event, { count }]) => ({ labels: { event }, value: count })),
      },
      {
        name: 'ringmaster_event_last_timestamp_seconds',
        kind: 'gauge',
        help: 'when it happened last, in seconds since 1970',
        labels: ['event'],
        samples: () => [...events()].map(([event, { lastAtMs }]) => ({ labels: { event }, value: lastAtMs / 1000 })),
      },
      {
        name: 'ringmaster_settings_set',
        kind: 'gauge',
        help: 'settings that were set since the file was read',
        labels: [],
        samples: () => [{ labels: {}, value: steered().settings }],
      },
      {
        name: 'ringmaster_blocks',
        kind: 'gauge',
        help: 'keys, prefixes, commands and clients that operators have blocked',
        labels: [],
        samples: () => [{ labels: {}, value: steered().blocks }],
      },
      {
        name: 'ringmaster_certificate_not_after_seconds',
        kind: 'gauge',
        help: 'when a certificate that is shown to clients, servers or Sentinels, or one of its chain, expires, in seconds since 1970',
        labels: ['pool', 'side', 'file'],
        samples: () =>
          certificates().map(({ notAfterMs, ...labels }) => ({ labels: labelsOf(labels), value: notAfterMs / 1000 })),
      },
      ...RESHARD_METRICS.map(({ samples, ...metric }) => ({ ...metric, samples: () => samples(reshard()) })),
      ...TOPOLOGY_METRICS.map(({ value, ...metric }) => ({
        ...metric,
        labels: ['pool'],
        samples: () => topologies().flatMap(row => sampleOf(row.pool, value(row))),
      })),
      ...WORKER_METRICS.map(({ value, ...metric }) => ({
        ...metric,
        labels: ['worker'],
        samples: () => this.workers.map(worker => ({ labels: { worker: String(worker.slot) }, value: value(worker) })),
      })),
    ];
  }
}

function labelsOf({ pool, side, file }: Omit<CertificateRow, 'notAfterMs'>): Record<string, string> {
  return { pool, side, file };
}

function sampleOf(pool: string, value: number | null): Sample[] {
  return value === null ? [] : [{ labels: { pool }, value }];
}

function register(metric: MetricDefinition, registry: Registry): void {
  const { name, help, samples } = metric;
  const common = { name, help, labelNames: [...metric.labels], registers: [registry] };
  if (metric.kind === 'counter') {
    new Counter({
      ...common,
      collect() {
        this.reset();
        for (const { labels, value } of samples()) this.inc({ ...labels }, value);
      },
    });
  } else {
    new Gauge({
      ...common,
      collect() {
        this.reset();
        for (const { labels, value } of samples()) this.set({ ...labels }, value);
      },
    });
  }
}
