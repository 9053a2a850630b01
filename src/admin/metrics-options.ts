import type { HealthFigures } from './pool-metrics.ts';
import type { ReshardFigures } from './reshard-metrics.ts';
import type { TopologyRow } from './topology-row.ts';
import type { Totals } from './totals.ts';

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
