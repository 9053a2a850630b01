import type { PoolConfig } from './config.ts';

/** Where the servers are is asked, and changes by itself. */
export function isFound({ cluster, sentinel }: Pick<PoolConfig, 'cluster' | 'sentinel'>): boolean {
  return cluster !== null || sentinel !== null;
}
