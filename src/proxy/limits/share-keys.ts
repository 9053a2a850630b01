import type { RateOption } from './limit-options.ts';

/** Whose requests are limited together. */
export interface LimitedTenant {
  readonly pool: string;
  readonly scope: 'pool' | 'address' | 'user';
  /** An address, or the name of a user; of a pool its own. */
  readonly name: string;
}

/** Names the places of a tenant over all workers: another when the limit is another. */
export function placesKey({ pool, scope, name }: LimitedTenant, places: number): string {
  return JSON.stringify([pool, scope, name, 'pending', places]);
}

/** Likewise a rate. */
export function shareKey(
  { pool, scope, name }: LimitedTenant,
  what: string,
  rate: RateOption,
  burstMs: number,
): string {
  return JSON.stringify([pool, scope, name, what, rate.amount, rate.periodMs, burstMs]);
}
