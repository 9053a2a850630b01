import type { ConfigChanges } from '../../config/changes/changes.ts';
import type { OverrideOutcome } from '../../config/changes/overrides.ts';

/** A reload or a restart is told to have failed when a worker does not serve after so long. */
export const SERVING_WITHIN_MS = 10_000;

/** One worker of a reload or a restart, and when it served by what was asked for, from the beginning. */
export interface WorkerDone {
  readonly slot: number;
  readonly pid: number | null;
  readonly servedAfterMs: number;
}

export interface ReloadResult {
  readonly changes: ConfigChanges;
  /** What became of each setting that had been changed since the file was read before. */
  readonly overrides: readonly OverrideOutcome[];
  /** What is probably not meant, and what could not be done though the configuration is in force. */
  readonly warnings: readonly string[];
  readonly workers: readonly WorkerDone[];
  /** From the beginning until every worker served by it. */
  readonly tookMs: number;
}

export function elapsedMs(sinceMs: number): number {
  return Math.round(performance.now() - sinceMs);
}
