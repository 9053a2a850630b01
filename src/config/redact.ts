import { isGroup, isScalar, type SettingTable } from '../settings/setting.ts';
import type { Config } from './config.ts';
import { DAEMON_SETTINGS } from './tables/daemon-settings.ts';
import { POOL_SETTINGS } from './tables/pool-settings.ts';
import { SERVER_SETTINGS } from './tables/server-settings.ts';
import { USER_SETTINGS } from './tables/user-settings.ts';

/** What stands in place of a secret. */
export const REDACTED = '<redacted>';

/** The same configuration with passwords replaced, for logs and for the admin side. */
export function redactConfig(config: Config): Config {
  return {
    ...redactTable(DAEMON_SETTINGS, config),
    pools: config.pools.map(pool => ({
      ...redactTable(POOL_SETTINGS, pool),
      servers: pool.servers.map(server => redactTable(SERVER_SETTINGS, server)),
    })),
    users: config.users.map(user => redactTable(USER_SETTINGS, user)),
  };
}

function redactTable<T extends object>(table: SettingTable, values: T): T {
  const redacted = { ...values } as Record<string, unknown>;
  for (const [field, setting] of Object.entries(table)) {
    const value = redacted[field];
    if (value === null || value === undefined) continue;
    if (isGroup(setting)) redacted[field] = redactTable(setting.settings, value);
    else if (isScalar(setting) && setting.kind.isSecret) redacted[field] = REDACTED;
  }
  return redacted as T;
}
