import { PROTOCOL_NAMES } from '../protocol/protocol-traits.ts';
import { SettingError } from '../settings/setting-error.ts';
import { parseServerLine } from './addresses.ts';
import { type FieldRules, readFields } from './fields.ts';
import { type ConfigDraft, namedServer, type PoolDraft, type ServerDraft, serverItems } from './pool-draft.ts';
import type { Problems } from './problems.ts';
import type { Secrets } from './secrets.ts';
import { hasKey } from './setting-paths.ts';
import { DAEMON_SETTINGS } from './tables/daemon-settings.ts';
import { POOL_SETTINGS } from './tables/pool-settings.ts';
import { SERVER_SETTINGS } from './tables/server-settings.ts';
import { readUsers } from './users.ts';
import { joinPath, type YamlEntry, type YamlMap, type YamlNode } from './yaml-tree.ts';

/** Reads our own form of the file. */
export function readNativeForm(root: YamlMap, secrets: Secrets, problems: Problems): ConfigDraft {
  const { fields, offsets } = readFields(DAEMON_SETTINGS, root, root.offset, '', rules(secrets, rootHint), problems);
  const pools = readPools(root.entries.get('pools'), secrets, problems);
  const withoutHash = pools.filter(pool => !pool.offsets.has(POOL_SETTINGS.hash.key)).map(({ name }) => name);
  return {
    top: {
      ...fields,
      form: 'native',
      ignored: [],
      withoutHash,
      secretFiles: secrets.files,
      directory: secrets.directory,
    },
    offsets,
    pools,
    users: readUsers(root.entries.get('users'), secrets, problems),
  };

  function rootHint(key: string): string | undefined {
    const value = root.entries.get(key)?.value;
    const isPool = value?.kind === 'map' && (value.entries.has('listen') || value.entries.has('servers'));
    if (isPool) return 'unknown key; a pool belongs under "pools:", indented';
    return hasKey(POOL_SETTINGS, key) ? `unknown key; "${key}" belongs to a pool, under "pools:"` : undefined;
  }
}

function rules(secrets: Secrets, hint: FieldRules['hint'] = () => undefined): FieldRules {
  return { form: 'native', secrets, hint };
}

function poolHint(key: string): string | undefined {
  if (key === 'redis') return `unknown key; write ${PROTOCOL_NAMES.map(name => `"protocol: ${name}"`).join(' or ')}`;
  if (key === 'reuseport') return 'unknown key; workers always have listening sockets of their own, leave it out';
  if (hasKey(DAEMON_SETTINGS, key)) return `unknown key; "${key}" belongs to the top level of the file`;
  return undefined;
}

function readPools(entry: YamlEntry | undefined, secrets: Secrets, problems: Problems): PoolDraft[] {
  if (entry === undefined) return [];
  if (entry.value.kind !== 'map' || entry.value.entries.size === 0) {
    problems.add(entry.value.offset, 'pools', 'must be a map with at least one pool: its name, then its keys');
    return [];
  }
  const drafts: PoolDraft[] = [];
  for (const [name, pool] of entry.value.entries) {
    const path = joinPath('pools', name);
    if (name === '') problems.add(pool.keyOffset, path, 'the name of a pool cannot be empty');
    if (pool.value.kind !== 'map') {
      problems.add(pool.value.offset, path, 'must be a map of keys: listen, protocol, servers, …');
      continue;
    }
    drafts.push({
      name,
      path,
      keyOffset: pool.keyOffset,
      ...readFields(POOL_SETTINGS, pool.value, pool.keyOffset, path, rules(secrets, poolHint), problems),
      servers: readServers(pool.value.entries.get('servers')?.value, joinPath(path, 'servers'), secrets, problems),
    });
  }
  return drafts;
}

function readServers(node: YamlNode | undefined, path: string, secrets: Secrets, problems: Problems): ServerDraft[] {
  const drafts: ServerDraft[] = [];
  for (const [i, item] of serverItems(node, path, problems).entries()) {
    const draft = readServer(item, `${path}[${i}]`, secrets, problems);
    if (draft !== null) drafts.push(draft);
  }
  return drafts;
}

function readServer(node: YamlNode, path: string, secrets: Secrets, problems: Problems): ServerDraft | null {
  const { offset } = node;
  if (node.kind === 'list') {
    problems.add(offset, path, 'must be one server, not a list');
    return null;
  }
  if (node.kind === 'map') {
    const { fields } = readFields(SERVER_SETTINGS, node, offset, path, rules(secrets), problems);
    const { address, master, weight, name } = fields;
    if (address === undefined || master === undefined || weight === undefined || name === undefined) return null;
    if ((address === null) === (master === null)) {
      const what = address === null ? `required: ${SERVER_SETTINGS.address.kind.takes}` : 'not beside "master"';
      problems.add(offset, joinPath(path, 'address'), what);
      return null;
    }
    const { replicas, zone, user, password } = fields;
    if (user && !password) problems.add(offset, joinPath(path, 'user'), 'needs password');
    const told = { ...(user && { user }), ...(password && { password }) };
    const more = { ...(replicas && { replicas }), ...(zone && { zone }), ...told };
    if (address === null) {
      // A fail-over moves no key: the name is not that of an address.
      return { path, offset, server: { name: name ?? master!, address: { master: master! }, weight, ...more } };
    }
    return { path, offset, server: { ...namedServer(address.address, address.portText, weight, name), ...more } };
  }
  try {
    const { address, portText, weight, alias } = parseServerLine(node.text);
    return { path, offset, server: namedServer(address, portText, weight, alias) };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    problems.add(offset, path, error.message);
    return null;
  }
}
