import * as z from 'zod';
import { parseListenAddress, parseTwemproxyServer } from './addresses.ts';
import { type FieldRules, readFields } from './fields.ts';
import {
  type ConfigDraft,
  defaultPoolFields,
  namedServer,
  type PoolDraft,
  type PoolFields,
  type ServerDraft,
} from './pool-draft.ts';
import type { Problems } from './problems.ts';
import { logSchema, poolSchema, rootSchema } from './schema.ts';
import { SettingError } from './setting-error.ts';
import { count, flag, readAs, SETTING_NOTES } from './value-types.ts';
import { joinPath, type YamlMap, type YamlNode } from './yaml-tree.ts';

/** Every key that twemproxy 0.5 knows, read the way it reads them; numbers are plain, durations milliseconds. */
const twemproxySchema = z.strictObject({
  listen: described(
    readAs(text => parseListenAddress(text, 1, 'bare-ipv6')),
    'host:port, or /path [octal mode]',
  ),
  servers: described(z.array(z.unknown()), 'a list of host:port:weight [name] or /path:weight [name]'),
  hash: described(poolSchema.shape.hash.unwrap().optional(), 'a hash'),
  hash_tag: described(poolSchema.shape.hash_tag.unwrap().unwrap().optional(), 'two characters'),
  distribution: described(poolSchema.shape.distribution.unwrap().optional(), 'a distribution'),
  timeout: described(count(0).optional(), 'milliseconds'),
  backlog: described(count(0).optional(), 'a number'),
  client_connections: described(count(0).optional(), 'a number'),
  tcpkeepalive: described(flag().optional(), 'true or false'),
  reuseport: described(flag().optional(), 'true or false'),
  redis: described(flag().prefault('false'), 'true or false'),
  redis_auth: described(poolSchema.shape.redis_auth.unwrap().unwrap().optional(), 'the password'),
  redis_db: described(count(0).optional(), 'a number'),
  preconnect: described(flag().optional(), 'true or false'),
  auto_eject_hosts: described(flag().optional(), 'true or false'),
  server_connections: described(count(1).optional(), 'a number'),
  server_retry_timeout: described(count(0).optional(), 'milliseconds'),
  server_failure_limit: described(count(0).optional(), 'a number'),
});

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
  const log = logSchema.parse({});
  const defaults = rootSchema.parse({ pools: {} });
  const top = {
    workers: defaults.workers,
    admin: null,
    adminToken: null,
    log,
    shutdownTimeoutMs: defaults.shutdown_timeout,
    cpuAffinity: defaults.cpu_affinity,
    workerNice: defaults.worker_nice,
    maxMemoryBytes: defaults.max_memory,
    form: 'twemproxy',
    ignored,
  } as const;
  return { top, adminOffset: -1, pools };
}

function notAPool(name: string): string {
  if (name in rootSchema.shape) {
    return `must be a pool; to set "${name}", put the pools under "pools:", in Ringmaster's own form`;
  }
  return 'must be a pool: a map of keys with listen and servers';
}

const RULES: FieldRules = {
  structured: new Set(['servers']),
  hasNull: false,
  hint: key =>
    key in poolSchema.shape
      ? `not a key of twemproxy's form; put the pools under "pools:" to use "${key}"`
      : key in rootSchema.shape
        ? `not a key of twemproxy's form; "${key}" belongs to the top level of Ringmaster's own`
        : undefined,
};

function readPool(name: string, keyOffset: number, map: YamlMap, ignored: string[], problems: Problems): PoolDraft {
  const { fields, offsets } = readFields(twemproxySchema, map, keyOffset, name, RULES, problems);
  const { redis, reuseport, servers: _, ...own } = fields;
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const merged: Partial<PoolFields> = { ...defaultPoolFields(), ...given };
  if (redis !== undefined) merged.protocol = redis ? 'redis' : 'memcached';
  if (own.server_failure_limit === 0) merged.server_failure_limit = 1;
  if (reuseport === true) ignored.push(joinPath(name, 'reuseport'));
  if (redis === false && own.redis_db !== undefined) {
    ignored.push(joinPath(name, 'redis_db'));
    merged.redis_db = 0;
  }
  const servers = readServers(map.entries.get('servers')?.value, joinPath(name, 'servers'), problems);
  return { name, path: name, keyOffset, fields: merged, offsets, servers, healthCheck: null };
}

function readServers(node: YamlNode | undefined, path: string, problems: Problems): ServerDraft[] {
  if (node === undefined) return [];
  if (node.kind !== 'list' || node.items.length === 0) {
    problems.add(node.offset, path, 'must be a list with at least one server, each on a line that begins with "- "');
    return [];
  }
  const drafts: ServerDraft[] = [];
  for (const [i, item] of node.items.entries()) {
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

function described<S extends z.ZodType>(schema: S, takes: string): S {
  SETTING_NOTES.add(schema, { takes, about: '' });
  return schema;
}
