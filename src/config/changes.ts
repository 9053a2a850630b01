import { isDeepStrictEqual } from 'node:util';
import type { Config, PoolConfig } from './config.ts';

/** What a new configuration changes, by name: never values, so no secret is in it. */
export interface ConfigChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly pool: string; readonly settings: readonly string[] }[];
  /** Settings of the daemon as a whole that take effect only at its next start. */
  readonly needRestart: readonly string[];
}

export function configChanges(before: Config, after: Config): ConfigChanges {
  const old = new Map(before.pools.map(pool => [pool.name, pool]));
  const kept = after.pools.filter(pool => old.has(pool.name));
  const names = new Set(after.pools.map(pool => pool.name));
  const needRestart: string[] = [];
  if (before.workers !== after.workers) needRestart.push('workers');
  if (!isDeepStrictEqual(before.admin, after.admin)) needRestart.push('admin');
  if (before.log.file !== after.log.file) needRestart.push('log.file');
  return {
    added: after.pools.filter(pool => !old.has(pool.name)).map(pool => pool.name),
    removed: before.pools.filter(pool => !names.has(pool.name)).map(pool => pool.name),
    changed: kept
      .map(pool => ({ pool: pool.name, settings: changedSettings(old.get(pool.name) as PoolConfig, pool) }))
      .filter(({ settings }) => settings.length > 0),
    needRestart,
  };
}

function changedSettings(before: PoolConfig, after: PoolConfig): string[] {
  const settings = Object.keys(after) as (keyof PoolConfig)[];
  return settings.filter(setting => !isDeepStrictEqual(before[setting], after[setting]));
}
