import type { BigKey } from './mover-job.ts';

/** What some of a server's keys tell of all of them. */
export interface KeySample {
  readonly looked: number;
  /** What a key that was looked at stands for. */
  readonly factor: number;
  /** Keys that the server should not have. */
  readonly orphans: number;
  /** Of those looked at, by the index of the server they go to. */
  readonly moving: ReadonlyMap<number, { keys: number; bytes: number }>;
  readonly biggest: readonly BigKey[];
}
