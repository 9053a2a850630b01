import { PROTOCOL_TRAITS } from '../../protocol/protocol-traits.ts';
import { type AccessRule, parseAccessRules } from '../../settings/access-rules.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { ConfigDraft, PoolDraft } from '../pool-draft.ts';
import type { Problems } from '../problems.ts';
import { closestName } from '../suggestions.ts';
import type { UserDraft } from '../users.ts';
import { joinPath } from '../yaml-tree.ts';

/** Workers keep what each may do, by pool. */
const MAX_USERS = 10_000;
const MAX_NAME_BYTES = 128;
/** What can stand before a space (memcached), in CLIENT LIST, and in a label. */
const NAME = /^[^\s:\p{Cc}]+$/u;
const DEFAULT_USER = 'default';

/** What no key of a user can tell alone. */
export function checkUsers({ users, pools }: ConfigDraft, problems: Problems): void {
  const byName = new Map(pools.map(pool => [pool.name, pool]));
  const byCertificate = new Map<string, string>();
  if (users.length > MAX_USERS) problems.add(users[MAX_USERS]!.keyOffset, 'users', `at most ${MAX_USERS} users`);
  for (const user of users) {
    checkName(user, problems);
    const report = (key: string, message: string) =>
      problems.add(user.offsets.get(key) ?? user.keyOffset, joinPath(user.path, key), message);
    const own = poolsOf(user, byName, report);
    checkWays(user, report);
    checkCertificates(user, byCertificate, report);
    checkDatabases(user, own, report);
    checkRules(user, own, report);
  }
}

type Report = (key: string, message: string) => void;

function checkName({ name, path, keyOffset }: UserDraft, problems: Problems): void {
  if (NAME.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES) return;
  const message = `the name of a user has no spaces, colons or control characters, and at most ${MAX_NAME_BYTES} bytes`;
  problems.add(keyOffset, path, message);
}

function poolsOf({ fields }: UserDraft, byName: ReadonlyMap<string, PoolDraft>, report: Report): PoolDraft[] {
  const names = fields.pools ?? [];
  return names.flatMap((name, i) => {
    const pool = byName.get(name);
    if (names.indexOf(name) < i) report('pools', `names ${JSON.stringify(name)} twice`);
    if (pool !== undefined) return [pool];
    const meant = closestName(name, [...byName.keys()]);
    const advice = meant === null ? '' : `; did you mean "${meant}"?`;
    report('pools', `there is no pool ${JSON.stringify(name)}${advice}`);
    return [];
  });
}

/** How it signs in. */
function checkWays({ name, fields, path }: UserDraft, report: Report): void {
  const { passwords = null, passwordFile = null, certificates = null, nopass = false } = fields;
  if (nopass && name !== DEFAULT_USER) report('nopass', `only of the user "${DEFAULT_USER}"`);
  if (passwords ?? passwordFile ?? certificates ?? (nopass || null)) return;
  if (fields.passwords === undefined || fields.passwordFile === undefined || fields.certificates === undefined) return;
  report('passwords', `${path} could not sign in: give passwords, password_file or certificates`);
}

function checkCertificates({ fields, name }: UserDraft, byCertificate: Map<string, string>, report: Report): void {
  for (const certificate of fields.certificates ?? []) {
    const other = byCertificate.get(certificate);
    if (other !== undefined) report('certificates', `${JSON.stringify(certificate)} signs in as "${other}" already`);
    else byCertificate.set(certificate, name);
  }
}

function checkDatabases({ fields }: UserDraft, pools: readonly PoolDraft[], report: Report): void {
  const most = Math.max(...pools.map(pool => pool.fields.databases ?? 1));
  const beyond = fields.databases?.find(database => database >= most);
  if (pools.length > 0 && beyond !== undefined) {
    report('databases', `${beyond} is in none of its pools: they have at most ${most}, from 0 on`);
  }
}

/** Every word means something in one of its pools at least. */
function checkRules({ fields }: UserDraft, pools: readonly PoolDraft[], report: Report): void {
  const protocols = [...new Set(pools.flatMap(pool => pool.fields.protocol ?? []))];
  if (fields.rules === undefined || protocols.length === 0) return;
  const { root, selectors } = parseAccessRules(fields.rules);
  const known = protocols.map(protocol => PROTOCOL_TRAITS[protocol].access);
  const declared = pools.flatMap(pool => (pool.fields.declaredCommands ?? []).map(({ name }) => name.toLowerCase()));
  const commands = new Set([...known.flatMap(access => access.commands()), ...declared]);
  const categories = new Set(['all', ...known.flatMap(access => access.categories())]);
  for (const rule of [root, ...selectors].flat()) {
    try {
      checkRule(rule, commands, categories);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      report('rules', error.message);
    }
  }
}

function checkRule(rule: AccessRule, commands: ReadonlySet<string>, categories: ReadonlySet<string>): void {
  if (rule.kind === 'category' && !categories.has(rule.name)) {
    throw new SettingError(`there is no category "@${rule.name}"${advice(rule.name, categories)}`);
  }
  if (rule.kind !== 'command' || commands.has(rule.name)) return;
  const { name, isAllowed } = rule;
  const [container, argument] = [name.slice(0, name.lastIndexOf('|')), name.slice(name.lastIndexOf('|') + 1)];
  const isContainer = [...commands].some(each => each.startsWith(`${container}|`));
  // A first argument that a command without subcommands is let through with.
  if (name.includes('|') && commands.has(container) && !isContainer) {
    if (container.includes('|')) {
      throw new SettingError(`there is no subcommand "${name}", and arguments of a subcommand can't be told apart`);
    }
    if (isAllowed) return;
    throw new SettingError(
      `"-${name}" can't be: ${container} has no subcommand ${argument}, and arguments are only allowed`,
    );
  }
  // Modules name their commands so, and nobody knows them all.
  if (name.includes('.') && !name.includes('|')) return;
  throw new SettingError(`there is no command "${name}"${advice(name, commands)}`);
}

function advice(name: string, known: ReadonlySet<string>): string {
  const meant = closestName(name, [...known]);
  return meant === null ? '' : `; did you mean "${meant}"?`;
}
