import type { Kind } from './kinds.ts';

/*
 * What is known of a setting, said once. Tables of these are in config/tables/daemon-settings.ts, config/tables/pool-settings.ts and,
 * for what only one protocol has, protocol/<name>/settings.ts. Everything else follows from them: the reader of both
 * forms of the file, the types of `Config`, defaults, what a reload reports, `diff`, what is redacted, docs/config.md and
 * the JSON schema in conf/.
 *
 * A new setting is one entry in its table, named as the field of `Config` is to be named, and its use (the data path gets
 * it through worker/data-path.ts). Then run scripts/config-reference.ts, which writes the reference and the schema anew.
 * test/integration/set-under-load.test.ts wants a value to set it to while clients are served.
 * A check between several settings goes into config/checks/cross-checks.ts, a word about odd values into config/warnings.ts.
 */

/**
 * When a changed value is in force:
 * `live`: at once, for all that comes next;
 * `new-connections`: for connections (of clients or to servers, as the setting says) that are made afterwards;
 * `new-pool`: the pool's clients are closed once what they asked is answered, and the pool begins anew;
 * `worker-restart`: in workers that start afterwards (`ringmaster restart-workers`);
 * `restart`: when the daemon is started anew; while it runs, a change is refused.
 */
export type Applies = 'live' | 'new-connections' | 'new-pool' | 'worker-restart' | 'restart';

/** One value of the file. */
export interface ScalarSetting<T = unknown> {
  /** Its name in the file. */
  readonly key: string;
  readonly kind: Kind<T>;
  /** As a file would write it; null: not set, and the value is null; absent: the file must say it. */
  readonly default?: string | null;
  /** How the reference writes a default of null. */
  readonly unset?: string;
  /** For the reference, in Markdown. */
  readonly about: string;
  readonly applies: Applies;
  /** twemproxy's form has this key too, and reads it so; absent: it is no key there. */
  readonly twemproxy?: Kind<T>;
  /** The default in twemproxy's form, where it differs. */
  readonly twemproxyDefault?: string | null;
  /** Of one protocol's settings: in pools of another one it is no error, only without effect. */
  readonly isHarmlessElsewhere?: true;
}

/** A map of further settings under one key. A default of null: without it the value is null; else all has defaults. */
export interface GroupSetting {
  readonly key: string;
  readonly settings: SettingTable;
  readonly default: null | '{}';
  readonly takes: string;
  /** An example for whoever wrote something else there. */
  readonly example: string;
  readonly unset: string;
  readonly about: string;
}

/** A part of the file with a reader of its own. */
export interface StructureSetting {
  readonly key: string;
  readonly structure: 'pools' | 'servers' | 'users';
  /** It need not be there. */
  readonly isOptional?: true;
  /** It need not be there where one of these keys is. */
  readonly unless?: readonly string[];
  readonly takes: string;
  readonly about: string;
}

export type Setting = ScalarSetting | GroupSetting | StructureSetting;

/** By the name of the field in `Config`. */
export type SettingTable = Readonly<Record<string, Setting>>;

/** The value of a setting. */
export type ValueOf<S> = S extends { readonly settings: infer G; readonly default: infer D }
  ? SettingsOf<G> | (D extends null ? null : never)
  : S extends { readonly kind: Kind<infer T> }
    ? T | (S extends { readonly default: null } ? null : never)
    : never;

/** The values of a table of settings. */
export type SettingsOf<Table> = {
  readonly [F in keyof Table as Table[F] extends StructureSetting ? never : F]: ValueOf<Table[F]>;
};

/** Which form of file a value comes from. */
export type ConfigForm = 'native' | 'twemproxy';

export const isScalar = (setting: Setting): setting is ScalarSetting => 'kind' in setting;
export const isGroup = (setting: Setting): setting is GroupSetting => 'settings' in setting;

/** The value of a setting that the file does not give; undefined: it must give it. */
export function defaultOf(setting: Setting, form: ConfigForm): unknown {
  if (isGroup(setting)) return setting.default === null ? null : defaultsOf(setting.settings, form);
  if (!isScalar(setting)) return undefined;
  const text = form === 'twemproxy' && 'twemproxyDefault' in setting ? setting.twemproxyDefault : setting.default;
  return text === undefined || text === null ? text : setting.kind.read(text);
}

/** The default of every setting that has one. */
export function defaultsOf<Table extends SettingTable>(table: Table, form: ConfigForm): Partial<SettingsOf<Table>> {
  const values: Record<string, unknown> = {};
  for (const [field, setting] of Object.entries(table)) {
    const value = defaultOf(setting, form);
    if (value !== undefined) values[field] = value;
  }
  return values as Partial<SettingsOf<Table>>;
}
