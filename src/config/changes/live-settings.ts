import { LineCounter } from 'yaml';
import {
  type Applies,
  defaultOf,
  type GroupSetting,
  isGroup,
  isScalar,
  type ScalarSetting,
} from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import { crossCheck } from '../checks/cross-checks.ts';
import type { Config } from '../config.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { locatedIn } from '../file-paths.ts';
import type { ConfigDraft } from '../pool-draft.ts';
import { Problems } from '../problems.ts';
import { shownValue } from '../setting-paths.ts';
import { DAEMON_SETTINGS } from '../tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../tables/pool-settings.ts';
import { poolPath } from '../warnings.ts';
import { type SettingAddress, settingAddress, settingAddresses } from './setting-address.ts';

/*
 * Settings of a configuration that is in use, by name: what they are, and the configuration with one of them changed, which
 * is checked as a file is. Nothing here applies anything: whoever serves by the result does.
 */

/** A setting as it is now, in the words of our own form. */
export interface SettingState {
  readonly path: string;
  /** A secret is redacted. */
  readonly value: string;
  /** What it would be if nobody said; null: the file must say. */
  readonly default: string | null;
  readonly isDefault: boolean;
  readonly applies: Applies;
  readonly takes: string;
  readonly about: string;
}

/** The settings whose path is like `pattern`, in which `*` stands for any characters: `red.*`, `*.timeout`. */
export function settingStates(config: Config, pattern: string): SettingState[] {
  const isLike = matcher(pattern);
  return settingAddresses(config)
    .filter(({ path }) => isLike(path))
    .map(address => stateOf(config, address));
}

/**
 * The setting `path`.
 * @throws SettingError when there is none
 */
export function settingState(config: Config, path: string): SettingState {
  return stateOf(config, settingAddress(config, path));
}

/** Its value as text that is the same for the same value only, and may be a secret; null: there is no such setting. */
export function comparableValue(config: Config, path: string): string | null {
  try {
    return JSON.stringify(valueAt(config, settingAddress(config, path))) ?? 'unset';
  } catch (error) {
    if (error instanceof SettingError) return null;
    throw error;
  }
}

function stateOf(config: Config, address: SettingAddress): SettingState {
  const { path, setting } = address;
  const value = valueAt(config, address);
  const usual = defaultOf(setting, config.form);
  const written = shown(address, value);
  const writtenUsual = usual === undefined ? null : shownValue(setting, usual);
  return {
    path,
    value: written,
    default: writtenUsual,
    isDefault: written === writtenUsual,
    applies: isScalar(setting) ? setting.applies : 'live',
    takes: isScalar(setting) ? setting.kind.takes : setting.takes,
    about: setting.about,
  };
}

/** A configuration with one setting changed. */
export interface ChangedSetting {
  /** The name of the setting in full. */
  readonly path: string;
  /** As a person reads them; a secret is redacted on both sides. */
  readonly old: string;
  readonly new: string;
  readonly applies: Applies;
  /** Frozen. The same object as before when the value is the same. */
  readonly config: Config;
}

/**
 * `config` with the setting `path` as `text` says, in the words of our own form (`300ms`, `off`); checked alone and against
 * all others, as in a file. An optional group is set to `{}` (its defaults) or `off`.
 * @throws SettingError which says what would be right
 */
export function withSetting(config: Config, path: string, text: string): ChangedSetting {
  const address = settingAddress(config, path);
  return changed(config, address, read(address, text, config.directory));
}

/**
 * `config` with the default of the setting `path`.
 * @throws SettingError when it has none, or with it the settings contradict each other
 */
export function withDefault(config: Config, path: string): ChangedSetting {
  const address = settingAddress(config, path);
  return changed(config, address, usualOf(config, address));
}

/** A setting that is to be changed; a `text` of null: to its default. */
export interface WantedSetting {
  readonly path: string;
  readonly text: string | null;
}

/**
 * `config` with all of these, in their order: each checked alone, and the result as a whole.
 * @throws SettingError as `withSetting` and `withDefault` do
 */
export function withSettings(config: Config, wanted: readonly WantedSetting[]): Config {
  let next = config;
  for (const { path, text } of wanted) {
    const address = settingAddress(next, path);
    const value = text === null ? usualOf(config, address) : read(address, text, config.directory);
    if (JSON.stringify(valueAt(next, address)) !== JSON.stringify(value)) next = replaced(next, address, value);
  }
  return next === config ? config : checked(next);
}

function usualOf(config: Config, { path, setting }: SettingAddress): unknown {
  const usual = defaultOf(setting, config.form);
  if (usual === undefined) throw new SettingError(`${path}: has no default; set it to another value`);
  return usual;
}

/** It can't be had by defaults alone. */
function hasRequired({ settings }: GroupSetting): boolean {
  return Object.values(settings).some(setting => isScalar(setting) && setting.default === undefined);
}

/** @throws SettingError for a group that was begun by one of its members, and lacks another */
function refuseHalf(config: Config): void {
  if (config.auditLog !== null && config.auditLog.file === undefined)
    throw new SettingError('audit_log: is turned on by its file, and off in the configuration file only');
  for (const { name, cluster, sentinel } of config.pools) {
    if (cluster !== null && cluster.seeds === undefined)
      throw new SettingError(`${name}.cluster: can be turned on and off in the file only`);
    if (sentinel !== null && sentinel.addresses === undefined)
      throw new SettingError(`${name}.sentinel: can be turned on and off in the file only`);
  }
}

/** A value as a file in `directory` would have it. */
function read(address: SettingAddress, text: string, directory: string): unknown {
  const { path, setting, isServerAddress } = address;
  if (isGroup(setting) && hasRequired(setting))
    throw new SettingError(`${path}: can be turned on and off in the file only`);
  if (isGroup(setting)) {
    if (text === setting.unset) return null;
    if (text === '{}') return defaultOf({ ...setting, default: '{}' }, 'native');
    throw new SettingError(`${path}: must be {} or ${setting.unset}; its members are set by themselves`);
  }
  const { kind } = setting as ScalarSetting;
  // Pool, its number, the group, the setting.
  if (
    isScalar(setting) &&
    setting.default === undefined &&
    address.fields.length > 3 &&
    address.fields[2] !== 'servers'
  ) {
    throw new SettingError(`${path}: can be set in the file only`);
  }
  if (text === '') throw new SettingError(`${path}: is empty; give ${kind.takes}`);
  try {
    const value = kind.isPath ? locatedIn(directory, kind.read(text)) : kind.read(text);
    return isServerAddress ? (value as { address: unknown }).address : value;
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new SettingError(`${path}: ${error.message}`);
  }
}

function changed(config: Config, address: SettingAddress, value: unknown): ChangedSetting {
  const { path, setting } = address;
  const old = valueAt(config, address);
  const applies = isScalar(setting) ? setting.applies : 'live';
  const change = { path, old: shown(address, old), new: shown(address, value), applies };
  if (JSON.stringify(old) === JSON.stringify(value)) return { ...change, config };
  return { ...change, config: checked(replaced(config, address, value)) };
}

function replaced(config: Config, address: SettingAddress, value: unknown): Config {
  return settled(withValue(config, address.fields, value, GROUP_DEFAULTS) as Config, address);
}

/** Frozen. Throws a SettingError when the settings contradict each other. */
function checked(next: Config): Config {
  const problems = new Problems('', new LineCounter());
  refuseHalf(next);
  crossCheck(draftOf(next), problems);
  const [problem] = problems.list();
  if (problem !== undefined) throw new SettingError(`${problem.path}: ${problem.message}`);
  return deepFreeze(next);
}

/** Who sets a pool's hash has chosen it. */
function settled(config: Config, { fields, setting }: SettingAddress): Config {
  if (setting !== POOL_SETTINGS.hash) return config;
  const { name } = config.pools[fields[1] as number]!;
  return { ...config, withoutHash: config.withoutHash.filter(each => each !== name) };
}

/** What stands in for a group that is not there when a member of it is set. */
const GROUP_DEFAULTS: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries({ ...DAEMON_SETTINGS, ...POOL_SETTINGS }).flatMap(([field, setting]) =>
    isGroup(setting) ? [[field, defaultOf({ ...setting, default: '{}' }, 'native')]] : [],
  ),
);

/** A copy of `node` with the value at the end of `fields`; what is beside the way is shared. */
function withValue(
  node: unknown,
  [field, ...rest]: readonly (string | number)[],
  value: unknown,
  absent: Readonly<Record<string, unknown>>,
): unknown {
  if (field === undefined) return value;
  const inner = (node as Record<string | number, unknown>)[field];
  const next = withValue(rest.length > 0 ? (inner ?? absent[field]) : inner, rest, value, absent);
  return Array.isArray(node) ? node.with(field as number, next) : { ...(node as object), [field]: next };
}

/** undefined: of a member of a group that is not there. */
function valueAt(config: Config, { fields }: SettingAddress): unknown {
  let value: unknown = config;
  for (const field of fields) value = (value as Record<string | number, unknown> | null)?.[field];
  return value;
}

function shown({ setting, isServerAddress }: SettingAddress, value: unknown): string {
  if (value === undefined) return 'unset';
  return shownValue(setting, isServerAddress ? { address: value } : value);
}

/** As if a file had said all that is not as usual. */
function draftOf(config: Config): ConfigDraft {
  return {
    top: config,
    offsets: new Map(),
    pools: config.pools.map(pool => {
      const path = poolPath(config, pool);
      const given = Object.entries(POOL_SETTINGS).filter(([field, setting]) => {
        const value = (pool as unknown as Record<string, unknown>)[field];
        if (!isScalar(setting) && !isGroup(setting)) return false;
        return JSON.stringify(value) !== JSON.stringify(defaultOf(setting, config.form));
      });
      return {
        name: pool.name,
        path,
        keyOffset: -1,
        fields: pool,
        offsets: new Map(given.map(([, { key }]) => [key, -1])),
        servers: pool.servers.map((server, i) => ({ path: `${path}.servers[${i}]`, offset: -1, server })),
      };
    }),
    users: config.users.map(({ name, ...fields }) => ({
      name,
      path: `users.${name}`,
      keyOffset: -1,
      fields,
      offsets: new Map(),
    })),
  };
}

/** In time that grows with the length of the text times that of the pattern at most. */
function matcher(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*');
  const [first, last] = [parts[0]!, parts.at(-1)!];
  if (parts.length === 1) return text => text === pattern;
  return text => {
    if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const part of parts.slice(1, -1)) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
