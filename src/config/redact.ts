import type { Config } from './config.ts';

/** What stands in place of a secret. */
export const REDACTED = '<redacted>';

/** The same configuration with passwords replaced, for logs and for the admin side. */
export function redactConfig(config: Config): Config {
  return {
    ...config,
    adminToken: config.adminToken === null ? null : REDACTED,
    pools: config.pools.map(pool => ({ ...pool, redisAuth: pool.redisAuth === null ? null : REDACTED })),
  };
}
