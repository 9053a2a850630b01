import type { StatKind } from '../figures/statistics.ts';

/** One line of output. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricDefinition {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  readonly labels: readonly string[];
  /** All lines, at the time of a scrape. */
  samples(): Sample[];
}
