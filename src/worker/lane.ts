import type { PoolConfig } from '../config/config.ts';
import type { Frontend } from '../proxy/frontend.ts';
import type { Pool } from '../upstream/pool.ts';

/** Both sides of one pool. */
export interface Lane {
  readonly config: PoolConfig;
  readonly pool: Pool;
  readonly frontend: Frontend;
}

/** It is a port that several pools share. */
export const isPort = ({ config }: Lane): boolean => config.poolBy !== null;

/** No port leads there. */
export const NOBODY_COMES = Promise.resolve();

/** Drains one pool; the clients that had to be cut off. `ports`: see `Frontend.drain`. */
export async function drainLane(
  { pool, frontend }: Lane,
  timeoutMs: number,
  acceptsQueued: boolean,
  ports: Promise<unknown>,
): Promise<number> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([frontend.drain(acceptsQueued, ports), late]);
  clearTimeout(timer);
  const cut = frontend.destroyClients();
  pool.close();
  return cut;
}
