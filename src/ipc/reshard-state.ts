import type { PoolConfig } from '../config/config.ts';
import type { Half } from '../config/tables/ring-settings.ts';

export const RESHARD_PHASES = ['old', 'hold', 'both', 'new'] as const;

/**
 * How far a pool is on its way from one ring to another:
 *
 *   old    requests go by `from`; all servers of both rings are known
 *   hold   those for keys that move wait; all that was sent for such keys is answered
 *   both   a key that moves is brought to its owner by `to` before anything is asked of it there
 *   new    requests go by `to`
 */
export type ReshardPhase = (typeof RESHARD_PHASES)[number];

/** A pool between two rings: plain data, as the master sends it to its workers. */
export interface ReshardState {
  /** Of one change of a ring; on its way back it is the same. */
  readonly id: string;
  readonly phase: ReshardPhase;
  /** It was taken back: keys move from the new ring to the old one. */
  readonly isBack: boolean;
  /** In `both`: keys that are still at their old server are dropped there when they are asked for, instead of brought. */
  readonly isDropping: boolean;
  /** Of the way from `from` to `to`. */
  readonly half: Half;
  /** The whole pool in both shapes: they differ in servers and ring only. */
  readonly from: PoolConfig;
  readonly to: PoolConfig;
}

export function isReshardState(value: unknown): boolean {
  const { id, phase, half, isBack, isDropping, from, to } = (value ?? {}) as Partial<ReshardState>;
  const isPlain = typeof id === 'string' && typeof isBack === 'boolean' && typeof isDropping === 'boolean';
  const isKnown = RESHARD_PHASES.includes(phase as ReshardPhase) && isHalf(half);
  return isPlain && isKnown && isPool(from) && isPool(to);
}

function isHalf(value: unknown): boolean {
  return value === 'whole' || value === 'first' || value === 'second';
}

function isPool(value: unknown): boolean {
  const { name, servers } = (value ?? {}) as Partial<PoolConfig>;
  return typeof name === 'string' && Array.isArray(servers);
}
