import { SettingError } from '../../settings/setting-error.ts';
import type { Config } from '../config.ts';
import { comparableValue, settingState, type WantedSetting, withSettings } from './live-settings.ts';

/** A setting that somebody changed while it runs. */
export interface Override extends WantedSetting {
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
}

/** What is asked for at once: all of it, or nothing. */
export interface SettingsRequest {
  /** Path and value, in the words of our own form of the file. */
  readonly set?: Readonly<Record<string, string>>;
  /** Back to what the file says. */
  readonly unset?: readonly string[];
  /** To what it would be if nobody said. */
  readonly toDefault?: readonly string[];
}

/** A reload met a setting that was changed while it ran. */
export interface OverrideOutcome {
  readonly path: string;
  readonly won: 'set' | 'file';
  readonly why: string;
}

export type Overrides = ReadonlyMap<string, Override>;

/** A configuration file with what was changed since it was read: by path, in the order they were set. */
export interface Overridden {
  readonly file: Config;
  readonly overrides: Overrides;
  /** The file with all of them. */
  readonly config: Config;
}

/**
 * What is asked for, on top of what is.
 * @throws SettingError
 */
export function changedOverrides(before: Overridden, asked: SettingsRequest, by: string, at: string): Overridden {
  const overrides = new Map(before.overrides);
  const put = (named: string, text: string | null) => {
    const { path } = settingState(before.config, named);
    forget(overrides, path);
    overrides.set(path, { path, text, by, at });
  };
  for (const [path, text] of Object.entries(asked.set ?? {})) put(path, text);
  for (const path of asked.toDefault ?? []) put(path, null);
  for (const named of asked.unset ?? []) {
    const { path } = settingState(before.config, named);
    if (!forget(overrides, path)) throw new SettingError(`${path}: was not set; it is what the file says`);
  }
  return overridden(before.file, overrides);
}

/**
 * What is kept of them when the file was read again: not one whose own value in the file is another than before, that is not
 * there any more, or that the new file contradicts.
 */
export function reloadedOverrides(
  before: Overridden,
  file: Config,
): { readonly after: Overridden; readonly outcomes: readonly OverrideOutcome[] } {
  const outcomes: OverrideOutcome[] = [];
  const kept = new Map<string, Override>();
  let config = file;
  for (const override of before.overrides.values()) {
    const { path } = override;
    const why = whyDropped(before.file, file, path);
    if (why !== null) {
      outcomes.push({ path, won: 'file', why });
      continue;
    }
    try {
      config = withSettings(file, [...kept.values(), override]);
      kept.set(path, override);
      outcomes.push({ path, won: 'set', why: 'the file says the same of it as before' });
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      outcomes.push({ path, won: 'file', why: `it does not go with the new file: ${error.message}` });
    }
  }
  return { after: { file, overrides: kept, config }, outcomes };
}

function whyDropped(before: Config, after: Config, path: string): string | null {
  const now = comparableValue(after, path);
  if (now === null) return 'the file has no such setting any more';
  return now === comparableValue(before, path) ? null : 'the file says something else of it than before';
}

/** Whether it, or a member of it, was there. */
function forget(overrides: Map<string, Override>, path: string): boolean {
  let wasThere = overrides.delete(path);
  for (const other of overrides.keys()) if (other.startsWith(`${path}.`)) wasThere = overrides.delete(other);
  return wasThere;
}

/** Without those that say what the file says. */
function overridden(file: Config, overrides: Map<string, Override>): Overridden {
  const config = withSettings(file, [...overrides.values()]);
  for (const path of overrides.keys()) {
    if (comparableValue(file, path) === comparableValue(config, path)) overrides.delete(path);
  }
  return { file, overrides, config };
}
