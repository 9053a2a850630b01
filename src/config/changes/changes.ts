import { isDeepStrictEqual } from 'node:util';
import { atOnce, type Steps } from '../../system/slices.ts';
import type { ListenAddress } from '../address.ts';
import type { Config, PoolConfig, ServerConfig } from '../config.ts';
import { poolSettingChanges, topSettingChanges } from './setting-changes.ts';

/** What a new configuration changes, in the words of the file; names and never values, so no secret is in it. */
export interface ConfigChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly PoolChange[];
  /** Settings of the daemon as a whole that changed. */
  readonly settings: readonly string[];
  /** Those of them that a worker takes over only when it is replaced: `ringmaster restart-workers`. */
  readonly needWorkerRestart: readonly string[];
}

export interface PoolChange {
  readonly pool: string;
  /** Its name before, when that was another. */
  readonly oldName?: string;
  readonly settings: readonly string[];
  readonly serversAdded: readonly string[];
  readonly serversRemoved: readonly string[];
  /** Same name, another weight or address. */
  readonly serversChanged: readonly string[];
}

export const configChanges = (before: Config, after: Config) => atOnce(configChangeSteps(before, after));

/** The same, pool by pool. */
export function* configChangeSteps(before: Config, after: Config): Steps<ConfigChanges> {
  const pairs = pairPools(before.pools, after.pools);
  const kept = new Set([...pairs.values()].map(pool => pool.name));
  const settings = topSettingChanges(before, after);
  const changed: PoolChange[] = [];
  for (const pool of after.pools) {
    const old = pairs.get(pool.name);
    const change = old === undefined || old === pool ? null : poolChange(old, pool);
    if (change !== null) changed.push(change);
    yield;
  }
  return {
    added: after.pools.filter(pool => !pairs.has(pool.name)).map(pool => pool.name),
    removed: before.pools.filter(pool => !kept.has(pool.name)).map(pool => pool.name),
    changed,
    settings: settings.map(({ key }) => key),
    needWorkerRestart: settings.filter(({ applies }) => applies === 'worker-restart').map(({ key }) => key),
  };
}

/**
 * Which pool of `before` each pool of `after` continues, by the latter's name: the one of that name, else one that
 * lost its name but listens at the same place and speaks the same protocol.
 */
export function pairPools(before: readonly PoolConfig[], after: readonly PoolConfig[]): Map<string, PoolConfig> {
  const old = new Map(before.map(pool => [pool.name, pool]));
  const pairs = new Map<string, PoolConfig>();
  for (const { name } of after) {
    const same = old.get(name);
    if (same !== undefined) pairs.set(name, same);
  }
  const nameless = before.filter(pool => !pairs.has(pool.name));
  for (const pool of after) {
    if (pairs.has(pool.name)) continue;
    const renamed = nameless.find(each => each.protocol === pool.protocol && isSamePlace(each.listen, pool.listen));
    if (renamed !== undefined) pairs.set(pool.name, renamed);
  }
  return pairs;
}

/** Port 0 is another port each time. */
function isSamePlace(a: ListenAddress | null, b: ListenAddress | null): boolean {
  if (a === null || b === null) return false;
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path;
  return a.port !== 0 && a.port === b.port && a.host === b.host;
}

function poolChange(before: PoolConfig, after: PoolConfig): PoolChange | null {
  const old = new Map(before.servers.map(server => [server.name, server]));
  const now = new Set(after.servers.map(server => server.name));
  const change: PoolChange = {
    pool: after.name,
    ...(before.name !== after.name && { oldName: before.name }),
    settings: poolSettingChanges(before, after).map(({ key }) => key),
    serversAdded: after.servers.filter(server => !old.has(server.name)).map(server => server.name),
    serversRemoved: before.servers.filter(server => !now.has(server.name)).map(server => server.name),
    serversChanged: after.servers.filter(server => isChanged(old.get(server.name), server)).map(server => server.name),
  };
  const isNothing = Object.entries(change).every(([name, value]) => name === 'pool' || value.length === 0);
  return isNothing ? null : change;
}

function isChanged(before: ServerConfig | undefined, after: ServerConfig): boolean {
  return before !== undefined && !isDeepStrictEqual(before, after);
}
