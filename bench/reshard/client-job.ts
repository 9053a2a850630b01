import type { DataSet } from '../load/data-set.ts';

/** What the process with the clients is told first. */
export interface ClientJob {
  readonly port: number;
  readonly data: DataSet;
  readonly clients: number;
  readonly ratePerSecond: number;
  /** Of all requests; the others read. */
  readonly writeShare: number;
  /**
   * What a value costs that the cache does not have: so long the client asks its database, and then stores it. A miss counts as
   * an error while this is null.
   */
  readonly backendMs: number | null;
}

/** From now on requests belong to this part of the run; what the part before was like is told. */
export interface NextPart {
  readonly part: string;
}

/** What a part of the run was like. Latencies count from when a request fell due until its value is there. */
export interface PartResult {
  readonly part: string;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  /** The first of them. */
  readonly error: string | null;
  readonly misses: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** How much later than due requests went out for which a connection was free. */
  readonly lateP99Ms: number;
  readonly cores: number;
  /** By the system's clock, as logs have it. */
  readonly startedAtMs: number;
  /** In slices of SLICE_MS. */
  readonly timeline: readonly Slice[];
}

export const SLICE_MS = 100;

export interface Slice {
  readonly requests: number;
  readonly misses: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}
