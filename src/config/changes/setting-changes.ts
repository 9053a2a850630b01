import { isDeepStrictEqual } from 'node:util';
import { type Applies, isGroup, isScalar, type SettingTable } from '../../settings/setting.ts';
import type { Config, PoolConfig, UserConfig } from '../config.ts';
import { shownValue } from '../setting-paths.ts';
import { DAEMON_SETTINGS } from '../tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../tables/pool-settings.ts';
import { USER_SETTINGS } from '../tables/user-settings.ts';

/** A setting in the words of our own form of the file; a secret is redacted on both sides. */
export interface SettingChange {
  /** Such as `timeout`, `health_check.interval` or `log.level`. */
  readonly key: string;
  readonly old: string;
  readonly new: string;
  /** When the new value is in force. */
  readonly applies: Applies;
}

/** What differs between the settings of two pools, their servers apart. */
export function poolSettingChanges(from: PoolConfig, to: PoolConfig): SettingChange[] {
  return changes(POOL_SETTINGS, from, to);
}

/** What differs outside the pools. */
export function topSettingChanges(from: Config, to: Config): SettingChange[] {
  return [...changes(DAEMON_SETTINGS, from, to), ...userChanges(from.users, to.users)];
}

/** A user that comes or goes is one change. */
function userChanges(from: readonly UserConfig[], to: readonly UserConfig[]): SettingChange[] {
  const old = new Map(from.map(user => [user.name, user]));
  const now = new Map(to.map(user => [user.name, user]));
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name): SettingChange[] => {
    const [before, after] = [old.get(name), now.get(name)];
    const key = `users.${name}`;
    if (before === undefined) return [{ key, old: 'none', new: 'a user', applies: 'live' }];
    if (after === undefined) return [{ key, old: 'a user', new: 'none', applies: 'live' }];
    return changes(USER_SETTINGS, before, after, `${key}.`);
  });
}

function changes(table: SettingTable, from: object, to: object, prefix = ''): SettingChange[] {
  return Object.entries(table).flatMap(([field, setting]): SettingChange[] => {
    if (!isScalar(setting) && !isGroup(setting)) return [];
    const [old, now] = [from, to].map(values => (values as Record<string, unknown>)[field]);
    if (isDeepStrictEqual(old, now)) return [];
    const key = prefix + setting.key;
    if (isGroup(setting) && isMap(old) && isMap(now)) return changes(setting.settings, old, now, `${key}.`);
    const applies = isScalar(setting) ? setting.applies : 'live';
    return [{ key, old: shownValue(setting, old), new: shownValue(setting, now), applies }];
  });
}

const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null;
