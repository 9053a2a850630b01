import type { UserConfig } from './config.ts';
import { type FieldRules, readFields } from './fields.ts';
import type { Problems } from './problems.ts';
import type { Secrets } from './secrets.ts';
import { USER_SETTINGS } from './tables/user-settings.ts';
import { joinPath, type YamlEntry } from './yaml-tree.ts';

/** As `PoolDraft`, of a user. */
export interface UserDraft {
  readonly name: string;
  readonly path: string;
  readonly keyOffset: number;
  readonly fields: Partial<UserConfig>;
  readonly offsets: ReadonlyMap<string, number>;
}

const HINTS: Readonly<Record<string, string>> = {
  password: 'unknown key; write "passwords:" and a list',
  pool: 'unknown key; write "pools:" and a list',
  acl: 'unknown key; write "rules:"',
  commands: 'unknown key; commands belong into "rules:", such as +@read',
  keys: 'unknown key; keys belong into "rules:", such as ~app:*',
  channels: 'unknown key; channels belong into "rules:", such as &news.*',
};

/** The map `users` of our own form: name → its keys. */
export function readUsers(entry: YamlEntry | undefined, secrets: Secrets, problems: Problems): UserDraft[] {
  if (entry === undefined) return [];
  if (entry.value.kind === 'scalar' && entry.value.isPlain && ['', 'null', '~'].includes(entry.value.text)) return [];
  if (entry.value.kind !== 'map') {
    problems.add(entry.value.offset, 'users', 'must be a map: name of a user → its keys');
    return [];
  }
  const rules: FieldRules = { form: 'native', secrets, hint: key => HINTS[key] };
  const drafts: UserDraft[] = [];
  for (const [name, user] of entry.value.entries) {
    const path = joinPath('users', name);
    if (user.value.kind !== 'map') {
      problems.add(user.value.offset, path, 'must be a map of keys: passwords, pools, rules, …');
      continue;
    }
    const { fields, offsets } = readFields(USER_SETTINGS, user.value, user.keyOffset, path, rules, problems);
    drafts.push({ name, path, keyOffset: user.keyOffset, fields, offsets });
  }
  return drafts;
}

/** Only for a draft without problems: every field is there. */
export function finishUser({ name, fields }: UserDraft): UserConfig {
  return { ...(fields as Omit<UserConfig, 'name'>), name };
}
