import type * as z from 'zod';
import type { Problems } from './problems.ts';
import { closestName } from './suggestions.ts';
import { SETTING_NOTES } from './value-types.ts';
import { joinPath, type YamlMap } from './yaml-tree.ts';

/** A map of the file read by a table of keys. What could not be read is missing from `fields`, and is a problem. */
export interface ReadFields<T> {
  readonly fields: Partial<T>;
  /** Where the values that are given stand. */
  readonly offsets: ReadonlyMap<string, number>;
}

export interface FieldRules {
  /** Keys whose value is a map or a list, and which the caller reads. */
  readonly structured: ReadonlySet<string>;
  /** `null` and `~` mean that the key is not given. Not so in twemproxy, where they are text. */
  readonly hasNull: boolean;
  /** What to say about a key that the table does not have; undefined: nothing special. */
  hint(key: string): string | undefined;
}

/**
 * Reads the scalars of `map` by the schema's table, fills in defaults, and reports unknown, missing and wrong ones.
 * `mapOffset` is where a missing key is reported.
 */
export function readFields<S extends z.ZodObject>(
  schema: S,
  map: YamlMap,
  mapOffset: number,
  path: string,
  rules: FieldRules,
  problems: Problems,
): ReadFields<z.output<S>> {
  const known = Object.keys(schema.shape);
  for (const [key, entry] of map.entries) {
    if (!known.includes(key)) problems.add(entry.keyOffset, joinPath(path, key), unknownKey(key, known, map, rules));
  }

  const fields: Record<string, unknown> = {};
  const offsets = new Map<string, number>();
  for (const key of known) {
    const type = schema.shape[key] as z.ZodType;
    const takes = SETTING_NOTES.get(type)?.takes ?? 'text';
    const keyPath = joinPath(path, key);
    const entry = map.entries.get(key);
    const value = entry?.value;
    const isNull = value?.kind === 'scalar' && value.isPlain && (value.text === 'null' || value.text === '~');
    if (value === undefined || (isNull && rules.hasNull)) {
      const result = type.safeParse(undefined);
      if (result.success) fields[key] = result.data;
      else problems.add(entry?.keyOffset ?? mapOffset, keyPath, `required: ${takes}`);
      continue;
    }
    offsets.set(key, value.offset);
    if (rules.structured.has(key)) continue;
    if (value.kind !== 'scalar') {
      problems.add(value.offset, keyPath, `must be a single value, not a ${value.kind}: ${takes}`);
    } else if (value.text === '' && (value.isPlain || !rules.hasNull)) {
      problems.add(value.offset, keyPath, `is empty; write ${takes}, or leave the key out`);
    } else {
      const result = type.safeParse(value.text);
      if (result.success) fields[key] = result.data;
      else problems.add(value.offset, keyPath, result.error.issues.map(issue => issue.message).join('; '));
    }
  }
  return { fields: fields as Partial<z.output<S>>, offsets };
}

function unknownKey(key: string, known: readonly string[], map: YamlMap, rules: FieldRules): string {
  const hint = rules.hint(key);
  if (hint !== undefined) return hint;
  const meant = closestName(key, known);
  if (meant !== null && !map.entries.has(meant)) return `unknown key; did you mean "${meant}"?`;
  return `unknown key; known here: ${known.join(', ')}`;
}
