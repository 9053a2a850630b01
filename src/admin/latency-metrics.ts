import type { Histogram } from '../figures/histogram.ts';
import { LATENCY_WINDOWS } from '../figures/latency-windows.ts';
import type { PoolLatencies } from './totals.ts';

/** Where caches differ: fine around what a healthy one takes, coarse where something is wrong. */
const LIMITS_US = [
  50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
  5_000_000,
];
const POOL_QUANTILES = [0.5, 0.9, 0.95, 0.98, 0.99, 0.999, 1];
const COMMAND_QUANTILES = [0.5, 0.99, 1];
const COMMAND_WINDOW_S = 60;
const US_PER_SECOND = 1e6;

type Labels = Readonly<Record<string, string>>;

/** Durations in Prometheus' text format. prom-client's own histograms count what they are told; these are told the counts. */
export function latencyMetrics(pools: readonly PoolLatencies[], nowS: number): string {
  const text = new MetricsText();
  text.family('ringmaster_pool_request_duration_seconds', 'histogram', 'from reading a request to writing its reply');
  for (const { name, total } of pools) if (total !== null) text.histogram({ pool: name }, total.total);

  text.family(
    'ringmaster_pool_latency_seconds',
    'gauge',
    'the same, as quantiles of the last 10 seconds, minute and 15 minutes; 1 is the exact maximum',
  );
  for (const { name, total } of pools) {
    for (const { name: window, seconds } of LATENCY_WINDOWS) {
      const recent = total?.window(seconds, nowS);
      if (recent === undefined || recent.isEmpty) continue;
      for (const quantile of POOL_QUANTILES) {
        text.sample(
          '',
          { pool: name, quantile: String(quantile), window },
          recent.quantileUs(quantile) / US_PER_SECOND,
        );
      }
    }
  }

  text.family(
    'ringmaster_pool_command_duration_seconds',
    'summary',
    'the same, by command; the quantiles are those of the last minute',
  );
  for (const { name, commands } of pools) {
    for (const { name: command, total } of commands) {
      const labels = { pool: name, command };
      const recent = total.window(COMMAND_WINDOW_S, nowS);
      for (const quantile of recent.isEmpty ? [] : COMMAND_QUANTILES) {
        text.sample('', { ...labels, quantile: String(quantile) }, recent.quantileUs(quantile) / US_PER_SECOND);
      }
      text.sumAndCount(labels, total.total);
    }
  }

  text.family(
    'ringmaster_server_request_duration_seconds',
    'histogram',
    'from sending a request, or a part of one, to the server to the last byte of its reply',
  );
  for (const { name, servers } of pools) {
    for (const { name: server, server: times } of servers) {
      if (times !== null) text.histogram({ pool: name, server }, times.total);
    }
  }

  text.family('ringmaster_server_queue_duration_seconds', 'summary', 'what requests waited before they were sent');
  for (const { name, servers } of pools) {
    for (const { name: server, queue } of servers) {
      if (queue !== null) text.sumAndCount({ pool: name, server }, queue.total);
    }
  }
  return text.toString();
}

class MetricsText {
  private readonly lines: string[] = [];
  private name = '';

  family(name: string, type: 'histogram' | 'gauge' | 'summary', help: string): void {
    this.name = name;
    this.lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  sample(suffix: string, labels: Labels, value: number): void {
    this.line(suffix, labelText(labels), value);
  }

  histogram(labels: Labels, histogram: Histogram): void {
    const common = labelText(labels);
    const counts = histogram.cumulative(LIMITS_US);
    for (const [i, limitUs] of LIMITS_US.entries()) {
      this.line('_bucket', `${common},le="${limitUs / US_PER_SECOND}"`, counts[i]!);
    }
    this.line('_bucket', `${common},le="+Inf"`, histogram.count);
    this.sumAndCount(labels, histogram);
  }

  sumAndCount(labels: Labels, histogram: Histogram): void {
    this.sample('_sum', labels, histogram.sumUs / US_PER_SECOND);
    this.sample('_count', labels, histogram.count);
  }

  toString(): string {
    return `${this.lines.join('\n')}\n`;
  }

  private line(suffix: string, labels: string, value: number): void {
    this.lines.push(`${this.name}${suffix}{${labels}} ${value}`);
  }
}

/** As Prometheus' text format 0.0.4 has it. */
function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, special => ESCAPES[special]!)}"`)
    .join(',');
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
