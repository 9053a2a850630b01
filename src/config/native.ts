import type { ZodObject } from 'zod';
import type { LogConfig } from '../system/log.ts';
import { parseServerLine } from './addresses.ts';
import type { HealthCheckConfig, HostPort } from './config.ts';
import { type FieldRules, readFields } from './fields.ts';
import { type ConfigDraft, namedServer, type PoolDraft, type ServerDraft } from './pool-draft.ts';
import type { Problems } from './problems.ts';
import { healthCheckSchema, logSchema, poolSchema, rootSchema, serverSchema } from './schema.ts';
import { SettingError } from './setting-error.ts';
import { joinPath, type YamlEntry, type YamlMap, type YamlNode } from './yaml-tree.ts';

/** Reads our own form of the file. */
export function readNativeForm(root: YamlMap, problems: Problems): ConfigDraft {
  const { fields, offsets } = readFields(rootSchema, root, root.offset, '', rules(rootSchema, rootHint), problems);
  return {
    top: {
      ...definedOnly({
        workers: fields.workers,
        admin: fields.admin as HostPort | null | undefined,
        adminToken: fields.admin_token,
        shutdownTimeoutMs: fields.shutdown_timeout,
        cpuAffinity: fields.cpu_affinity,
        workerNice: fields.worker_nice,
        maxMemoryBytes: fields.max_memory,
      }),
      log: readLog(root.entries.get('log'), problems),
      form: 'native',
      ignored: [],
    },
    adminOffset: offsets.get('admin') ?? -1,
    pools: readPools(root.entries.get('pools'), problems),
  };

  function rootHint(key: string): string | undefined {
    const value = root.entries.get(key)?.value;
    const isPool = value?.kind === 'map' && (value.entries.has('listen') || value.entries.has('servers'));
    if (isPool) return 'unknown key; a pool belongs under "pools:", indented';
    return key in poolSchema.shape ? `unknown key; "${key}" belongs to a pool, under "pools:"` : undefined;
  }
}

const STRUCTURED = new Set(['pools', 'log', 'servers', 'health_check']);

function rules(schema: ZodObject, hint: (key: string) => string | undefined = () => undefined): FieldRules {
  const structured = new Set(Object.keys(schema.shape).filter(key => STRUCTURED.has(key)));
  return { structured, hasNull: true, hint };
}

function poolHint(key: string): string | undefined {
  if (key === 'redis') return 'unknown key; write "protocol: redis" or "protocol: memcached"';
  if (key === 'reuseport') return 'unknown key; workers always have listening sockets of their own, leave it out';
  if (key in rootSchema.shape) return `unknown key; "${key}" belongs to the top level of the file`;
  return undefined;
}

function readLog(entry: YamlEntry | undefined, problems: Problems): LogConfig {
  const empty: YamlMap = { kind: 'map', offset: -1, entries: new Map() };
  let map = empty;
  if (entry?.value.kind === 'map') map = entry.value;
  else if (entry !== undefined) problems.add(entry.value.offset, 'log', 'must be a map, such as { level: info }');
  const { fields } = readFields(logSchema, map, entry?.keyOffset ?? -1, 'log', rules(logSchema), problems);
  return { level: fields.level ?? 'info', file: fields.file ?? null };
}

function readPools(entry: YamlEntry | undefined, problems: Problems): PoolDraft[] {
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
      ...readFields(poolSchema, pool.value, pool.keyOffset, path, rules(poolSchema, poolHint), problems),
      servers: readServers(pool.value.entries.get('servers')?.value, joinPath(path, 'servers'), problems),
      healthCheck: readHealthCheck(pool.value.entries.get('health_check'), joinPath(path, 'health_check'), problems),
    });
  }
  return drafts;
}

/** What could not be read is a problem, and its default stands in for it. */
function readHealthCheck(entry: YamlEntry | undefined, path: string, problems: Problems): HealthCheckConfig | null {
  if (entry === undefined) return null;
  const { value } = entry;
  if (value.kind === 'scalar' && value.isPlain && (value.text === 'null' || value.text === '~')) return null;
  if (value.kind !== 'map') {
    problems.add(value.offset, path, 'must be a map, such as { interval: 5s }, or {} for the defaults');
    return null;
  }
  const { fields } = readFields(healthCheckSchema, value, value.offset, path, rules(healthCheckSchema), problems);
  const { interval, timeout, failures, successes } = { ...healthCheckSchema.parse({}), ...fields };
  return { intervalMs: interval, timeoutMs: timeout, failures, successes };
}

function readServers(node: YamlNode | undefined, path: string, problems: Problems): ServerDraft[] {
  if (node === undefined) return [];
  if (node.kind !== 'list' || node.items.length === 0) {
    problems.add(node.offset, path, 'must be a list with at least one server, each on a line that begins with "- "');
    return [];
  }
  const drafts: ServerDraft[] = [];
  for (const [i, item] of node.items.entries()) {
    const draft = readServer(item, `${path}[${i}]`, problems);
    if (draft !== null) drafts.push(draft);
  }
  return drafts;
}

function readServer(node: YamlNode, path: string, problems: Problems): ServerDraft | null {
  const { offset } = node;
  if (node.kind === 'list') {
    problems.add(offset, path, 'must be one server, not a list');
    return null;
  }
  if (node.kind === 'map') {
    const { fields } = readFields(serverSchema, node, offset, path, rules(serverSchema), problems);
    const { address, weight, name } = fields;
    if (address === undefined || weight === undefined || name === undefined) return null;
    return { path, offset, server: namedServer(address.address, address.portText, weight, name) };
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

/** Without the keys whose value is undefined. */
function definedOnly<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
