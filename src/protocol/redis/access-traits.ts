import { readFileSync } from 'node:fs';
import type { AccessTraits } from '../traits.ts';

/** A row of command-data.json, as far as rules need it. */
type Row = readonly [name: string, ...skipped: unknown[]] & { readonly 6: string };

let rows: readonly Row[] | null = null;

/** Read when the first user is checked: most have none. */
function commandRows(): readonly Row[] {
  rows ??= (
    JSON.parse(readFileSync(new URL('./commands/command-data.json', import.meta.url), 'utf8')) as {
      readonly rows: readonly Row[];
    }
  ).rows;
  return rows;
}

/** The names of Redis's commands and of its categories, as rules of users have them. */
export const ACCESS_TRAITS: AccessTraits = {
  commands: () => commandRows().map(([name]) => name),
  categories: () => [...new Set(commandRows().flatMap(row => row[6].split(' ')))].filter(name => name !== ''),
  credentials: password => ({ name: 'default', password }),
};
