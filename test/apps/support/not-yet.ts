import type { PoolName } from './pools.ts';

/** What a test waits for: in all pools of Ringmaster, or in those that are named. */
type Needs = string | Partial<Record<PoolName, string>>;

/**
 * Tests that fail through Ringmaster today, by app and behaviour, and the capability that they wait for.
 * They run and are expected to fail; one that passes fails the run until it is taken off this list.
 */
export const NOT_YET: Readonly<Record<string, Readonly<Record<string, Needs>>>> = {
  ioredis: {
    'multi and exec': 'transactions',
    'multi one by one, with a fault in the middle of it': 'transactions',
    'a transaction that was discarded has done nothing': 'transactions',
    'watch: another writer makes exec answer null': 'transactions',
    'twenty clients count by watch, multi and exec': 'transactions',
    'scan stream finds every key': 'SCAN',
    'keys, dbsize, flushdb': 'KEYS, FLUSHDB',
    'pub/sub: channels and patterns': 'Pub/Sub',
    'a blocking pop gets what is pushed later': 'blocking commands',
    'db: 1 is apart from db: 0': 'databases',
  },
};

/** What this test waits for, or undefined when it has to pass. */
export function missingFor(app: string, pool: PoolName, behaviour: string): string | undefined {
  if (pool === 'direct') return undefined;
  const needs = NOT_YET[app]?.[behaviour];
  return typeof needs === 'object' ? needs[pool] : needs;
}
