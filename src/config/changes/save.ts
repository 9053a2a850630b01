import { isDeepStrictEqual } from 'node:util';
import { isMap, parseDocument } from 'yaml';
import { isGroup, isScalar } from '../../settings/setting.ts';
import { addressText } from '../address.ts';
import type { Config, PoolConfig } from '../config.ts';
import { ConfigError } from '../errors.ts';
import { editedFile, type FileEdit, FileEditError, yamlText } from './file-edit.ts';
import type { WantedSetting } from './live-settings.ts';
import { type SettingAddress, settingAddress } from './setting-address.ts';

/**
 * The text of a configuration file with the settings `wanted`, which `running` has; its comments and order are kept.
 * `parse` reads such a text as the daemon would. The result is what runs, or there is none.
 * @throws FileEditError which says why it can't be written so
 */
export function savedText(
  text: string,
  running: Config,
  wanted: readonly WantedSetting[],
  parse: (text: string) => Config,
): string {
  if (text.includes('\r')) throw new FileEditError('the file has line ends of CR or CR LF');
  const edits = wanted.flatMap(({ path, text: value }) => editsOf(text, running, settingAddress(running, path), value));
  const next = editedFile(text, edits);
  if (!isDeepStrictEqual(readBack(next, parse), running)) {
    throw new FileEditError(
      'the file would not say what runs: it has changed since it was read (reload first), a flag of the command line wins over it, ' +
        'or a value is shared by several keys',
    );
  }
  return next;
}

function readBack(text: string, parse: (text: string) => Config): Config | null {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

function editsOf(text: string, config: Config, address: SettingAddress, asSet: string | null): FileEdit[] {
  const { fields, path, setting } = address;
  const place = fields[0] === 'pools' ? config.pools[fields[1] as number] : undefined;
  const root = config.form === 'twemproxy' ? [] : ['pools'];
  if (place !== undefined && fields[2] === 'servers') return serverEdits(text, config, place, fields[3] as number);
  const user = fields[0] === 'users' ? config.users[fields[1] as number] : undefined;
  const above = place === undefined ? (user === undefined ? [] : ['users', user.name]) : [...root, place.name];
  // `pools` is not said.
  const said = place === undefined ? above : [place.name];
  const keys = (said.length === 0 ? path : path.slice(said.join('.').length + 1)).split('.');
  const way = [...above, ...keys];
  const value = fieldOf(config, fields);
  if (isGroup(setting)) return [{ way, value: asSet === '{}' ? asSet : null }];
  if (!isScalar(setting)) return [];
  if (value === null && setting.default === null) return [{ way, value: null }];
  const kind = config.form === 'twemproxy' ? setting.twemproxy : setting.kind;
  if (kind === undefined) throw new FileEditError(`${path}: twemproxy's form of the file has no such key`);
  // In the words in which it was set, where the file has the same words.
  const written = kind === setting.kind && asSet !== null ? asSet : kind.write(value);
  return [{ way, value: yamlText(written) }];
}

/** A line stays a line; of a map only what is needed changes. */
function serverEdits(text: string, config: Config, pool: PoolConfig, index: number): FileEdit[] {
  const isTwemproxy = config.form === 'twemproxy';
  const way = [...(isTwemproxy ? [] : ['pools']), pool.name, 'servers', index];
  const { address, weight, name } = pool.servers[index]!;
  const item = parseDocument(text, { schema: 'failsafe', uniqueKeys: false }).getIn(way, true);
  if (isMap(item)) {
    const usualName = 'master' in address ? address.master : addressText(address);
    const usual: Record<string, string> = { weight: '1', name: usualName };
    const settable = {
      weight: String(weight),
      name,
      ...('master' in address ? {} : { address: addressText(address) }),
    };
    return Object.entries(settable).flatMap(([key, value]) =>
      (item.get(key) ?? usual[key]) === value ? [] : [{ way: [...way, key], value: yamlText(value) }],
    );
  }
  const line = `${addressText(address)}:${weight}${name === addressText(address) ? '' : ` ${name}`}`;
  return [{ way, value: yamlText(line) }];
}

function fieldOf(config: Config, fields: readonly (string | number)[]): unknown {
  let value: unknown = config;
  for (const field of fields) value = (value as Record<string | number, unknown> | null)?.[field];
  return value;
}
