import { PROTOCOL_NAMES, PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import { flag } from '../settings/kinds.ts';
import { defaultsOf, type ScalarSetting, type SettingTable } from '../settings/setting.ts';
import { SettingError } from '../settings/setting-error.ts';
import { parseTwemproxyServer } from './addresses.ts';
import type { PoolSettings } from './config.ts';
import { type FieldRules, readFields } from './fields.ts';
import { type ConfigDraft, namedServer, type PoolDraft, type ServerDraft, serverItems } from './pool-draft.ts';
import type { Problems } from './problems.ts';
import { hasKey } from './setting-paths.ts';
import { DAEMON_SETTINGS } from './tables/daemon-settings.ts';
import { POOL_SETTINGS } from './tables/pool-settings.ts';
import { joinPath, type YamlMap, type YamlNode } from './yaml-tree.ts';

/** Every key that twemproxy 0.5 knows, read the way it reads them; numbers are plain, durations milliseconds. */
const TWEMPROXY_SETTINGS: SettingTable = {
  servers: { ...POOL_SETTINGS.servers, takes: 'a list of host:port:weight [name] or /path:weight [name]' },
  ...Object.fromEntries(
    Object.entries(POOL_SETTINGS).filter(([, setting]) => 'twemproxy' in setting && setting.twemproxy !== undefined),
  ),
  reuseport: onlyThere('reuseport'),
  redis: onlyThere('redis'),
};

function onlyThere(key: string): ScalarSetting<boolean> {
  return { key, kind: { ...flag(), takes: 'true or false' }, default: 'false', about: '', applies: 'live' };
}

/** What breaks a line in YAML 1.1, which twemproxy reads, and not in 1.2. Folding or ending a value there is too subtle. */
const OLD_LINE_BREAK = /[\u0085\u2028\u2029]/;

/** Whether the root of the file is a map of pools, and not our own form. */
export function isTwemproxyForm(root: YamlMap): boolean {
  const pools = root.entries.get('pools')?.value;
  if (pools !== undefined && !looksLikePool(pools)) return false;
  for (const entry of root.entries.values()) if (looksLikePool(entry.value)) return true;
  return false;
}

/** In our own form `pools` may hold pools named `listen` or `servers`, but those are maps. */
function looksLikePool(node: YamlNode): boolean {
  if (node.kind !== 'map') return false;
  const listen = node.entries.get('listen')?.value.kind;
  const servers = node.entries.get('servers')?.value.kind;
  return (listen !== undefined && listen !== 'map') || (servers !== undefined && servers !== 'map');
}

/** Reads twemproxy's form of the file. */
export function readTwemproxyForm(root: YamlMap, text: string, problems: Problems): ConfigDraft {
  const oddBreak = text.search(OLD_LINE_BREAK);
  if (oddBreak >= 0) {
    problems.add(oddBreak, '', 'a Unicode line break (U+0085, U+2028 or U+2029); use plain line ends');
  }

  const ignored: string[] = [];
  const pools: PoolDraft[] = [];
  for (const [name, entry] of root.entries) {
    if (name === '') problems.add(entry.keyOffset, '', 'the name of a pool cannot be empty');
    if (entry.value.kind === 'map') pools.push(readPool(name, entry.keyOffset, entry.value, ignored, problems));
    else problems.add(entry.value.offset, name, notAPool(name));
  }
  const top = {
    ...defaultsOf(DAEMON_SETTINGS, 'twemproxy'),
    form: 'twemproxy',
    ignored,
    withoutHash: [],
    secretFiles: [],
    directory: '',
  } as const;
  return { top, offsets: new Map(), pools, users: [] };
}

function notAPool(name: string): string {
  if (hasKey(DAEMON_SETTINGS, name)) {
    return `must be a pool; to set "${name}", put the pools under "pools:", in Ringmaster's own form`;
  }
  return 'must be a pool: a map of keys with listen and servers';
}

const RULES: FieldRules = {
  form: 'twemproxy',
  secrets: null,
  hint: key => {
    if (hasKey(POOL_SETTINGS, key)) {
      return `not a key of twemproxy's form; put the pools under "pools:" to use "${key}"`;
    }
    if (!hasKey(DAEMON_SETTINGS, key)) return undefined;
    return `not a key of twemproxy's form; "${key}" belongs to the top level of Ringmaster's own`;
  },
};

function readPool(name: string, keyOffset: number, map: YamlMap, ignored: string[], problems: Problems): PoolDraft {
  const read = readFields(TWEMPROXY_SETTINGS, map, keyOffset, name, RULES, problems);
  const offsets = new Map(read.offsets);
  const { redis, reuseport, ...given } = read.fields as Record<string, unknown>;
  const fields = { ...defaultsOf(POOL_SETTINGS, 'twemproxy'), ...given } as Mutable<Partial<PoolSettings>>;
  const protocol = PROTOCOL_NAMES.find(protocol => PROTOCOL_TRAITS[protocol].twemproxyRedis === redis);
  if (protocol !== undefined) fields.protocol = protocol;
  if (fields.serverFailureLimit === 0) fields.serverFailureLimit = 1;
  if (reuseport === true) ignored.push(joinPath(name, 'reuseport'));
  // It takes this one in any pool; files that have it must load.
  if (redis === false && offsets.delete(POOL_SETTINGS.redisDb.key)) {
    ignored.push(joinPath(name, POOL_SETTINGS.redisDb.key));
    fields.redisDb = 0;
  }
  const servers = readServers(map.entries.get('servers')?.value, joinPath(name, 'servers'), problems);
  return { name, path: name, keyOffset, fields, offsets, servers };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readServers(node: YamlNode | undefined, path: string, problems: Problems): ServerDraft[] {
  const drafts: ServerDraft[] = [];
  for (const [i, item] of serverItems(node, path, problems).entries()) {
    const itemPath = `${path}[${i}]`;
    if (item.kind !== 'scalar') {
      problems.add(item.offset, itemPath, 'must be text: host:port:weight [name] or /path:weight [name]');
      continue;
    }
    try {
      const { address, portText, weight, alias } = parseTwemproxyServer(item.text);
      const server = namedServer(address, portText, weight, alias);
      drafts.push({ path: itemPath, offset: item.offset, server });
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      problems.add(item.offset, itemPath, error.message);
    }
  }
  return drafts;
}
