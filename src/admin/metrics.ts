import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Slices } from '../system/slices.ts';
import { latencyMetrics } from './latency-metrics.ts';
import type { MetricDefinition } from './metric-definition.ts';
import type { MetricsOptions } from './metrics-options.ts';
import { MetricsText } from './metrics-text.ts';
import { poolMetrics } from './pool-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import type { WorkerFigures } from './totals.ts';
import { userMetrics } from './user-metrics.ts';

// The delay histogram of the default metrics wakes the process this often.
const EVENT_LOOP_SAMPLING_MS = 100;

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
    for (const metric of processMetrics(options, () => this.workers)) register(metric, this.registry);
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
