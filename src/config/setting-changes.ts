import { isDeepStrictEqual } from 'node:util';
import { type Applies, isGroup, isScalar, type SettingTable } from '../settings/setting.ts';
import type { Config, PoolConfig } from './config.ts';
import { DAEMON_SETTINGS } from './daemon-settings.ts';
import { POOL_SETTINGS } from './pool-settings.ts';
import { shownValue } from './setting-paths.ts';

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
  return changes(DAEMON_SETTINGS, from, to);
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
