import { addressText, entranceText } from '../config/address.ts';
import type { SettingChange } from '../config/changes/setting-changes.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { HASH_VALUES } from '../placement/hash-cycle.ts';
import { type ConfigDiff, diffConfigs, type PoolDiff, type ServerChange, type ServerState } from './config-diff.ts';
import type { Flow, Movement } from './key-movement.ts';
import { counted, grouped, percent, textTable } from './text-table.ts';

/** Flows shown to people; programs get all. */
const MAX_FLOWS = 20;

/**
 * `ringmaster diff OLD NEW`: the text to print.
 * @throws ConfigError when one of the files cannot be used
 */
export function diffFiles(oldFile: string, newFile: string, asJson: boolean): string {
  const [from, to] = [loadConfig(oldFile), loadConfig(newFile)];
  const diff = diffConfigs(from, to);
  if (asJson) return `${JSON.stringify(toJson(oldFile, newFile, from, to, diff), null, 2)}\n`;
  return toText(oldFile, newFile, from, to, diff);
}

function isChanged(diff: ConfigDiff): boolean {
  const lists = [diff.settings, diff.poolsAdded, diff.poolsRemoved];
  return lists.some(list => list.length > 0) || diff.pools.some(pool => pool.isChanged);
}

function toJson(oldFile: string, newFile: string, from: Config, to: Config, diff: ConfigDiff): object {
  const pool = ({ name, listen, servers }: PoolConfig) => ({
    name,
    listen: entranceText(listen),
    servers: servers.length,
  });
  return {
    old: { file: oldFile, form: from.form },
    new: { file: newFile, form: to.form },
    isChanged: isChanged(diff),
    notes: diff.notes,
    settings: diff.settings,
    poolsAdded: diff.poolsAdded.map(pool),
    poolsRemoved: diff.poolsRemoved.map(pool),
    pools: diff.pools.map(each => ({
      name: each.name,
      oldName: each.oldName,
      isChanged: each.isChanged,
      settings: each.settings,
      servers: each.servers,
      movements: each.movements.map(movement => ({
        ...movement,
        flows: movement.flows.map(flow => ({
          ...flow,
          ...ends(flow, poolOf(from, each.oldName), poolOf(to, each.name)),
        })),
      })),
      notes: each.notes,
    })),
  };
}

function poolOf(config: Config, name: string): PoolConfig {
  return config.pools.find(pool => pool.name === name)!;
}

function ends(flow: Flow, from: PoolConfig, to: PoolConfig) {
  const end = (pool: PoolConfig, i: number) => ({
    name: pool.servers[i]!.name,
    address: addressText(pool.servers[i]!.address),
  });
  return { from: end(from, flow.from), to: end(to, flow.to) };
}

const FORMS = { native: "Ringmaster's own form", twemproxy: "twemproxy's form" };

function toText(oldFile: string, newFile: string, from: Config, to: Config, diff: ConfigDiff): string {
  let text = textTable([
    ['old:', oldFile, `(${FORMS[from.form]})`],
    ['new:', newFile, `(${FORMS[to.form]})`],
  ]);
  for (const note of diff.notes) text += `note: ${note}\n`;
  if (!isChanged(diff)) return `${text}\nNothing ${diff.notes.length > 0 ? 'else ' : ''}changes.\n`;
  if (diff.settings.length > 0) text += `\nOutside the pools\n${settingsText(diff.settings)}`;
  for (const [what, pools] of [
    ['added', diff.poolsAdded],
    ['removed', diff.poolsRemoved],
  ] as const) {
    for (const pool of pools) {
      text += `\nPool ${pool.name}: ${what}, ${entranceText(pool.listen)}, ${counted(pool.servers.length, 'server')}\n`;
    }
  }
  for (const pool of diff.pools) text += poolText(pool, poolOf(from, pool.oldName), poolOf(to, pool.name));
  return text;
}

function settingsText(settings: readonly SettingChange[]): string {
  return textTable(
    settings.map(setting => [setting.key, setting.old, '→', newText(setting)]),
    '  ',
  );
}

function newText(setting: SettingChange): string {
  return setting.old === setting.new ? `${setting.new} (another)` : setting.new;
}

function poolText(pool: PoolDiff, from: PoolConfig, to: PoolConfig): string {
  const name = pool.oldName === pool.name ? pool.name : `${pool.oldName} → ${pool.name}`;
  if (!pool.isChanged) return `\nPool ${name}: no change\n`;
  let text = `\nPool ${name}\n${settingsText(pool.settings)}`;
  const isServersChanged = pool.servers.some(({ change }) => change !== 'kept');
  const isMoving = pool.movements.some(movement => movement.moved !== 0);
  if (isServersChanged || isMoving) text += serversText(pool.servers);
  for (const movement of pool.movements) text += movementText(movement, from, to);
  for (const note of pool.notes) text += `  ${note}\n`;
  return text;
}

function serversText(servers: readonly ServerChange[]): string {
  const column = (change: ServerChange, show: (state: ServerState) => string) => {
    const [old, now] = [change.old, change.new].map(state => (state === null ? '–' : show(state)));
    if (change.old === null) return now!;
    return old === now || change.new === null ? old! : `${old} → ${now}`;
  };
  const rows = servers.map(change => [
    change.change,
    column(change, state => state.name),
    column(change, state => state.address),
    column(change, state => grouped(state.weight)),
    `${change.old === null ? '–' : percent(change.old.share)} → ${change.new === null ? '–' : percent(change.new.share)}`,
  ]);
  return textTable([['', 'server', 'address', 'weight', 'share of keys'], ...rows], '  ');
}

const WHICH_KEYS: Readonly<Record<Movement['keys'], string>> = {
  all: '',
  'same-bytes': ' of the keys that hash_tag does not concern (the same bytes are hashed as before)',
  'other-bytes': ' of the keys of which other bytes are hashed now',
};

function movementText(movement: Movement, from: PoolConfig, to: PoolConfig): string {
  const { moved, basis, flows } = movement;
  if (moved === null) {
    return '  keys: not placed by their hash where the distribution is random; nothing can be said of single keys\n';
  }
  const which = WHICH_KEYS[movement.keys];
  if (moved === 0) return `  keys: none${which} moves\n`;
  const values = flows.reduce((sum, flow) => sum + (flow.hashValues ?? 0), 0);
  const how =
    basis === 'exact'
      ? `exact: ${grouped(values)} of ${grouped(HASH_VALUES)} hash values`
      : 'expected: each key is hashed anew, independently of its old place';
  const rows = flows.slice(0, MAX_FLOWS).map(flow => {
    const { from: source, to: target } = ends(flow, from, to);
    return [sideText(source), '→', sideText(target), percent(flow.share)];
  });
  const rest = flows.slice(MAX_FLOWS);
  const restShare = rest.reduce((sum, flow) => sum + flow.share, 0);
  const more = rest.length > 0 ? `    and ${grouped(rest.length)} smaller ones, together ${percent(restShare)}\n` : '';
  return `  keys: ${percent(moved)}${which} move (${how})\n${textTable(rows, '    ', [3])}${more}`;
}

function sideText(side: { readonly name: string; readonly address: string }): string {
  return side.name === side.address ? side.name : `${side.name} (${side.address})`;
}
