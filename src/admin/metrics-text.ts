import type { Histogram } from '../figures/histogram.ts';

/** Where caches differ: fine around what a healthy one takes, coarse where something is wrong. */
const LIMITS_US = [
  50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
  5_000_000,
];
export const US_PER_SECOND = 1e6;

type Labels = Readonly<Record<string, string>>;

/** What /metrics says, in Prometheus' text format 0.0.4. */
export class MetricsText {
  private readonly lines: string[] = [];
  private name = '';

  family(name: string, type: 'counter' | 'histogram' | 'gauge' | 'summary', help: string): void {
    this.name = name;
    this.lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** `labels`: see `labelText`. */
  value(labels: string, value: number): void {
    this.line('', labels, value);
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

/** As they stand in a line, so that they are made once for all that is said of one thing. */
export function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, special => ESCAPES[special]!)}"`)
    .join(',');
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
