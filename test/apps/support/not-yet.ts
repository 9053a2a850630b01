import type { PoolName } from './pools.ts';

/** What a test waits for: in all pools of Ringmaster, or in those that are named. */
type Needs = string | Partial<Record<PoolName, string>>;

/**
 * Tests that fail through Ringmaster today, by app and behaviour, and the capability that they wait for.
 * They run and are expected to fail; one that passes fails the run until it is taken off this list.
 */
export const NOT_YET: Readonly<Record<string, Readonly<Record<string, Needs>>>> = {};

/** What this test waits for, or undefined when it has to pass. */
export function missingFor(app: string, pool: PoolName, behaviour: string): string | undefined {
  if (pool === 'direct') return undefined;
  const needs = NOT_YET[app]?.[behaviour];
  return typeof needs === 'object' ? needs[pool] : needs;
}
