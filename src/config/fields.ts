import type { Kind } from '../settings/kinds.ts';
import {
  type ConfigForm,
  defaultOf,
  type GroupSetting,
  isGroup,
  isScalar,
  type ScalarSetting,
  type Setting,
  type SettingsOf,
  type SettingTable,
} from '../settings/setting.ts';
import { SettingError } from '../settings/setting-error.ts';
import { locatedIn } from './file-paths.ts';
import type { Problems } from './problems.ts';
import type { Secrets } from './secrets.ts';
import { closestName } from './suggestions.ts';
import { joinPath, type YamlEntry, type YamlList, type YamlMap, type YamlNode, type YamlScalar } from './yaml-tree.ts';

/** A map of the file read by a table of settings. What could not be read is missing from `fields`, and is a problem. */
export interface ReadFields<T> {
  readonly fields: Partial<T>;
  /** Where the values that are given stand, by key. */
  readonly offsets: ReadonlyMap<string, number>;
}

export interface FieldRules {
  /** Which form the map is of: what is `null` or `~` in our own is not given, and in twemproxy's it is text. */
  readonly form: ConfigForm;
  /** Reads secrets that are only referred to; null: the form has no such references. */
  readonly secrets: Secrets | null;
  /** What to say about a key that the table does not have; undefined: nothing special. */
  hint(key: string): string | undefined;
}

/**
 * Reads `map` by the table, fills in defaults, and reports unknown, missing and wrong keys. Structures (`pools`,
 * `servers`) are only found to be there; the caller reads them. `mapOffset` is where a missing key is reported.
 */
export function readFields<Table extends SettingTable>(
  table: Table,
  map: YamlMap,
  mapOffset: number,
  path: string,
  rules: FieldRules,
  problems: Problems,
): ReadFields<SettingsOf<Table>> {
  const known = Object.values(table).map(({ key }) => key);
  for (const [key, entry] of map.entries) {
    if (!known.includes(key)) problems.add(entry.keyOffset, joinPath(path, key), unknownKey(key, known, map, rules));
  }

  const fields: Record<string, unknown> = {};
  const offsets = new Map<string, number>();
  for (const [field, setting] of Object.entries(table)) {
    const keyPath = joinPath(path, setting.key);
    const entry = map.entries.get(setting.key);
    if (entry === undefined || (rules.form === 'native' && isNull(entry))) {
      const value = defaultOf(setting, rules.form);
      if (value !== undefined) fields[field] = value;
      else if (!isLeftOut(setting, map, rules)) {
        problems.add(entry?.keyOffset ?? mapOffset, keyPath, `required: ${takesIn(setting, rules.form)}`);
      }
      continue;
    }
    offsets.set(setting.key, entry.value.offset);
    if (isGroup(setting)) fields[field] = readGroup(setting, entry, keyPath, rules, problems);
    else if (isScalar(setting)) {
      const value = readScalar(setting, entry, keyPath, rules, problems);
      if (value !== undefined) fields[field] = value;
    }
  }
  return { fields: fields as Partial<SettingsOf<Table>>, offsets };
}

/** The default stands in for what could not be read, so that checks between settings still have something to look at. */
function readGroup(setting: GroupSetting, entry: YamlEntry, path: string, rules: FieldRules, problems: Problems) {
  const { value } = entry;
  if (value.kind !== 'map') {
    problems.add(value.offset, path, `must be a map, such as ${setting.example}`);
    return defaultOf(setting, rules.form);
  }
  const groupRules = { ...rules, hint: () => undefined };
  const { fields } = readFields(setting.settings, value, value.offset, path, groupRules, problems);
  return { ...(defaultOf({ ...setting, default: '{}' }, rules.form) as object), ...fields };
}

function readScalar(
  setting: ScalarSetting,
  { value }: YamlEntry,
  path: string,
  { form, secrets }: FieldRules,
  problems: Problems,
): unknown {
  const kind = kindIn(setting, form);
  if (kind.isSecret && value.kind === 'map' && secrets !== null) {
    return readBy(() => kind.read(dereferenced(value, kind, secrets, path)), value, path, problems);
  }
  if (kind.isSecret && value.kind === 'list' && kind.readItems && secrets !== null) {
    const { readItems } = kind;
    return readBy(() => readItems(secretItems(value, kind, secrets, path)), value, path, problems);
  }
  const list = kind.isList ? listText(value) : kind.isMap ? mapText(value) : null;
  if (value.kind !== 'scalar' && list === null) {
    const what = kind.isMap ? 'a map of single values' : kind.isList ? 'a list of single values' : 'a single value';
    problems.add(value.offset, path, `must be ${what}, not a ${value.kind}: ${kind.takes}`);
    return undefined;
  }
  const text = value.kind === 'scalar' ? value.text : list!;
  if (text === '' && (value.kind !== 'scalar' || value.isPlain || form === 'twemproxy')) {
    problems.add(value.offset, path, `is empty; write ${kind.takes}, or leave the key out`);
    return undefined;
  }
  const readIt = () => (value.kind === 'list' && kind.readItems ? kind.readItems(itemTexts(value)) : kind.read(text));
  const result = readBy(readIt, value, path, problems);
  return kind.isPath && secrets !== null ? locatedIn(secrets.directory, result) : result;
}

/** Each as it stands in the file, or would if it were no reference. */
function secretItems({ items }: YamlList, kind: Kind<unknown>, secrets: Secrets, path: string): string[] {
  return items.map(item => {
    if (item.kind === 'map') return dereferenced(item, kind, secrets, path);
    if (item.kind === 'scalar') return item.text;
    throw new SettingError(`must be ${kind.takes}`);
  });
}

function dereferenced(reference: YamlMap, kind: Kind<unknown>, secrets: Secrets, path: string): string {
  const found = secrets.read(reference, path);
  return kind.ofReference === undefined ? found : kind.ofReference(found);
}

function readBy(read: () => unknown, value: YamlNode, path: string, problems: Problems): unknown {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    problems.add(value.offset, path, error.message);
    return undefined;
  }
}

/** The items with commas between them; null: it is no list of single values. */
function listText(value: YamlNode): string | null {
  if (value.kind !== 'list' || !value.items.every(item => item.kind === 'scalar')) return null;
  return itemTexts(value).join(', ');
}

const itemTexts = ({ items }: YamlList) => items.map(item => (item as YamlScalar).text);

/** Each name and its value; null: it is no map of single values. */
function mapText(value: YamlNode): string | null {
  if (value.kind !== 'map') return null;
  const entries = [...value.entries];
  if (!entries.every(([, entry]) => entry.value.kind === 'scalar')) return null;
  return entries.map(([name, entry]) => `${name}=${(entry.value as YamlScalar).text}`).join(', ');
}

/** It need not be there, or another key says it; twemproxy's form knows no other way to say it. */
function isLeftOut(setting: Setting, map: YamlMap, { form }: FieldRules): boolean {
  if ('isOptional' in setting && setting.isOptional) return true;
  return 'unless' in setting && form === 'native' && setting.unless!.some(key => map.entries.has(key));
}

function isNull({ value }: YamlEntry): boolean {
  return value.kind === 'scalar' && isNullText(value);
}

const isNullText = (value: YamlScalar) => value.isPlain && (value.text === 'null' || value.text === '~');

function kindIn({ kind, twemproxy }: ScalarSetting, form: ConfigForm): Kind<unknown> {
  return form === 'twemproxy' ? (twemproxy ?? kind) : kind;
}

function takesIn(setting: Setting, form: ConfigForm): string {
  return isScalar(setting) ? kindIn(setting, form).takes : setting.takes;
}

function unknownKey(key: string, known: readonly string[], map: YamlMap, rules: FieldRules): string {
  const hint = rules.hint(key);
  if (hint !== undefined) return hint;
  const meant = closestName(key, known);
  if (meant !== null && !map.entries.has(meant)) return `unknown key; did you mean "${meant}"?`;
  return `unknown key; known here: ${known.join(', ')}`;
}
