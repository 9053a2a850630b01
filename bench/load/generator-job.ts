import type { DataSet } from './data-set.ts';

/** What the generator process is told, as JSON in its first argument. */
export interface GeneratorJob {
  /** Connections are spread over them in turn. */
  readonly ports: readonly number[];
  readonly data: DataSet;
  readonly keys: number;
  readonly isWrite: boolean;
  readonly clients: number;
  readonly requests: number;
  /** Requests fall due at this rate whether or not the earlier ones are answered; null: as fast as they are answered. */
  readonly ratePerSecond: number | null;
}

/** What it prints, as JSON. */
export interface GeneratorResult {
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** At a fixed rate: how much later than due requests went out for which a connection was free. */
  readonly lateP999Ms: number;
  /** Share of a core that the generator used while the clock ran. */
  readonly cores: number;
}

/** What the process is told that connects for each request, as JSON in its first argument. */
export interface ConnectorJob {
  readonly port: number;
  /** Path of the authority's certificate. */
  readonly ca: string;
  readonly data: DataSet;
  /** Connections under way at a time. */
  readonly clients: number;
  readonly requests: number;
  /** Sessions are resumed; else each connection begins with a full handshake. */
  readonly isResumed: boolean;
}

/** What it prints, as JSON. */
export interface ConnectorResult extends Omit<GeneratorResult, 'lateP999Ms'> {
  /** Connections whose session was resumed. */
  readonly resumed: number;
}

/** What the process with the clients in the background is told; it prints `READY` when they are where they should be. */
export interface BackgroundJob {
  readonly kind: 'idle' | 'slow';
  readonly port: number;
  readonly clients: number;
  readonly data: DataSet;
}

export const READY = 'ready';
