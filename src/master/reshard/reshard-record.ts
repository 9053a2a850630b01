import type { BigKeyRule } from '../../mover/mover-job.ts';
import type { Decision } from './decision.ts';

/** What only the coordinator knows: plain data. */
export interface ReshardPlan {
  /** The last one: further than what this participant has acknowledged, or the same. */
  readonly decided: Decision;
  /** Admin addresses of the others. */
  readonly peers: readonly string[];
  /** A second. */
  readonly paceBytes: number;
  readonly maxStepMs: number;
  readonly bigKeys: BigKeyRule;
  readonly isPaused: boolean;
  /** After so long, the operator says, keys of these servers have expired. */
  readonly ttlMs: number;
  /** Addresses of servers that can't list their keys. */
  readonly unlisted: readonly string[];
  /** Since when keys are brought, in milliseconds since 1970; 0: not yet. */
  readonly bringingSinceMs: number;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** What the survey expects. */
  readonly movingKeys: number;
  readonly movingBytes: number;
  /** Who started it. */
  readonly by: string;
  /** Why it goes back, or stopped. */
  readonly why: string | null;
}

/** The file that becomes the new one; null: only the ring of the pool is written into the file that is there. */
export interface NewFile {
  /** SHA-256 of the file that it takes the place of; another file is not replaced, but gets the ring. */
  readonly oldDigest: string;
  readonly text: string;
}

/** What a participant has written down: the last decision that it acknowledged. */
export interface ReshardRecord {
  readonly version: 1;
  readonly decision: Decision;
  readonly file: NewFile | null;
  /** Who decides, for people. */
  readonly coordinator: string;
  /** null: somebody else decides. */
  readonly plan: ReshardPlan | null;
}

/** Throws an Error that says what is wrong with it. */
export function readRecord(text: string): ReshardRecord {
  const record = JSON.parse(text) as Partial<ReshardRecord> | null;
  if (record?.version !== 1) throw new Error('it is of another version of Ringmaster');
  const { id, seq, pool, phase, from, to } = record.decision ?? {};
  const isWhole =
    typeof id === 'string' &&
    Number.isSafeInteger(seq) &&
    typeof pool === 'string' &&
    ['old', 'hold', 'both', 'drop', 'new', 'over'].includes(phase as string) &&
    Array.isArray(from?.servers) &&
    Array.isArray(to?.servers) &&
    ['whole', 'first', 'second'].includes(record.decision?.half as string);
  if (!isWhole) throw new Error('it is no record of a reshard');
  // What an earlier Ringmaster has begun knows nothing of servers that list no keys.
  const plan: object | null | undefined = record.plan;
  const whole = plan == null ? null : { ttlMs: 0, unlisted: [], bringingSinceMs: 0, ...plan };
  return { ...record, plan: whole } as ReshardRecord;
}
