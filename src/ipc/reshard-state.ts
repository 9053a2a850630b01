import type { PoolConfig } from '../config/config.ts';

export const RESHARD_PHASES = ['old', 'hold', 'both', 'new'] as const;

/**
 * How far a pool is on its way from one ring to another:
 *
 *   old    requests go by `from`
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
  /** The whole pool in both shapes: they differ in servers and ring only. */
  readonly from: PoolConfig;
  readonly to: PoolConfig;
}

export function isReshardState(value: unknown): boolean {
  const { id, phase, from, to } = (value ?? {}) as Partial<ReshardState>;
  return typeof id === 'string' && RESHARD_PHASES.includes(phase as ReshardPhase) && isPool(from) && isPool(to);
}

function isPool(value: unknown): boolean {
  const { name, servers } = (value ?? {}) as Partial<PoolConfig>;
  return typeof name === 'string' && Array.isArray(servers);
}
