import { PROTOCOL_TRAITS, type ProtocolName } from '../../protocol/protocol-traits.ts';
import type { LimitConfig } from '../config.ts';
import type { ConfigDraft } from '../pool-draft.ts';
import type { Problems } from '../problems.ts';
import { closestName } from '../suggestions.ts';
import { joinPath } from '../yaml-tree.ts';

/** A category or command that nobody knows would limit nothing. */
export function checkLimits({ pools, users }: ConfigDraft, problems: Problems): void {
  for (const { fields, path, offsets, keyOffset } of pools) {
    const { protocol, limits, addressLimits } = fields;
    const declared = (fields.declaredCommands ?? []).map(({ name }) => name);
    const report = (key: string) => (message: string) =>
      problems.add(offsets.get(key) ?? keyOffset, joinPath(path, `${key}.commands`), message);
    if (protocol === undefined) continue;
    checkCommands(limits, [protocol], declared, report('limits'));
    checkCommands(addressLimits, [protocol], declared, report('address_limits'));
  }
  for (const { fields, path, offsets, keyOffset } of users) {
    const own = pools.filter(({ name }) => fields.pools?.includes(name));
    const protocols = own.flatMap(pool => pool.fields.protocol ?? []);
    const declared = own.flatMap(pool => (pool.fields.declaredCommands ?? []).map(({ name }) => name));
    const report = (message: string) =>
      problems.add(offsets.get('limits') ?? keyOffset, joinPath(path, 'limits.commands'), message);
    checkCommands(fields.limits, protocols, declared, report);
  }
}

function checkCommands(
  limits: LimitConfig | null | undefined,
  protocols: readonly ProtocolName[],
  declared: readonly string[],
  report: (message: string) => void,
): void {
  if (!limits?.commands || protocols.length === 0) return;
  const access = protocols.map(protocol => PROTOCOL_TRAITS[protocol].access);
  const categories = ['all', ...access.flatMap(each => each.categories())].map(name => `@${name}`);
  const commands = [...access.flatMap(each => each.commands()), ...declared];
  for (const { name } of limits.commands) {
    const [what, known] = name.startsWith('@') ? ['category', categories] : ['command', commands];
    // Modules name their commands so, and nobody knows them all.
    if (known.includes(name) || (what === 'command' && name.includes('.'))) continue;
    const meant = closestName(name, known);
    report(`there is no ${what} "${name}"${meant === null ? '' : `; did you mean "${meant}"?`}`);
  }
}
