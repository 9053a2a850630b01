import {
  type GroupSetting,
  isGroup,
  isScalar,
  type ScalarSetting,
  type Setting,
  type SettingTable,
} from '../settings/setting.ts';
import { REDACTED } from './redact.ts';

/** A value of a table and the way to it: `log.level`, `health_check.interval`. */
export interface SettingLeaf {
  readonly path: string;
  readonly setting: ScalarSetting | GroupSetting;
  /** undefined where the group that it belongs to is not there. */
  readonly value: unknown;
}

/** Whether the table has a setting that the file calls `key`. */
export function hasKey(table: SettingTable, key: string): boolean {
  return Object.values(table).some(setting => setting.key === key);
}

/**
 * Every value that `values` has of the table, in its order. A group that is there is its members, one that is not is
 * itself, with the value null; structures are left out.
 */
export function settingLeaves(table: SettingTable, values: object, prefix = ''): SettingLeaf[] {
  return Object.entries(table).flatMap(([field, setting]): SettingLeaf[] => {
    const path = prefix + setting.key;
    const value = (values as Record<string, unknown>)[field];
    if (isGroup(setting)) {
      if (typeof value !== 'object' || value === null) return [{ path, setting, value: null }];
      return settingLeaves(setting.settings, value, `${path}.`);
    }
    return isScalar(setting) ? [{ path, setting, value }] : [];
  });
}

/** One value as a person reads it; a secret is redacted. */
export function shownValue(setting: Setting, value: unknown): string {
  if (isGroup(setting)) return value === null ? setting.unset : writtenGroup(setting, value as object);
  if (!isScalar(setting)) return '';
  const { kind } = setting;
  if (value === null && setting.default === null) return setting.unset ?? 'unset';
  if (kind.isSecret) return REDACTED;
  return kind.isQuoted ? JSON.stringify(kind.write(value)) : kind.write(value);
}

function writtenGroup(setting: GroupSetting, values: object): string {
  const entries = settingLeaves(setting.settings, values).map(
    leaf => `${leaf.path}: ${shownValue(leaf.setting, leaf.value)}`,
  );
  return `{ ${entries.join(', ')} }`;
}
