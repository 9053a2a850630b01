import { PROTOCOL_TRAITS, protocolOfSetting } from '../../protocol/protocol-traits.ts';
import { defaultsOf } from '../../settings/setting.ts';
import type { ConfigDraft, PoolDraft } from '../pool-draft.ts';
import { poolPassword } from '../pool-password.ts';
import type { Problems } from '../problems.ts';
import { LIMIT_SETTINGS } from '../tables/limit-settings.ts';
import type { UserDraft } from '../users.ts';
import { joinPath } from '../yaml-tree.ts';

const DATABASES_MAX = 1000;
const DATABASE = /^(0|[1-9][0-9]{0,3})$/;
const SERVER_NAME = /^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/;

/** What only a pool with servers has. */
const NOT_OF_PORT = [
  ...['servers', 'cluster', 'sentinel', 'server_tls', 'sentinel_tls', 'hash', 'hash_tag', 'distribution'],
  ...['auto_eject_hosts', 'health_check', 'redis_auth', 'memcached_auth', 'redis_db', 'databases', 'present_as'],
  ...['preconnect', 'server_proxy_protocol', 'server_user', 'server_password', 'read_from', 'cross_server'],
  // Whoever writes these here takes them for a bound on what tenants may do.
  ...['key_prefix', 'deny_commands', 'commands', 'scripts_under_prefix', 'keyless_scripts'],
];

/** What is about clients that are served: a port that knows the pool before the first byte serves nobody. */
const OF_SERVED_CLIENTS = [
  ...['limits', 'limit_addresses', 'client_idle_timeout', 'max_request_bytes', 'max_pipeline'],
  ...['client_buffer', 'client_output_limit'],
];
const LIMIT_DEFAULTS: Readonly<Record<string, unknown>> = defaultsOf(LIMIT_SETTINGS, 'native');

/** Ports that several pools share. */
export function checkPorts({ pools, users }: ConfigDraft, problems: Problems): void {
  const byName = new Map(pools.map(pool => [pool.name, pool]));
  for (const port of pools) {
    const { poolBy, pools: led } = port.fields;
    const report: Report = (key, message) =>
      problems.add(port.offsets.get(key) ?? port.keyOffset, joinPath(port.path, key), message);
    if (!poolBy) {
      if (led) report('pools', 'only with pool_by, which makes this a port that several pools share');
      continue;
    }
    for (const key of NOT_OF_PORT) {
      if (port.offsets.has(key))
        report(key, 'not beside pool_by: a port has no servers of its own; it belongs to the pools');
    }
    if (poolBy !== 'user') checkClients(port, report);
    for (const user of users) {
      if (!user.fields.pools?.includes(port.name)) continue;
      const at = user.offsets.get('pools') ?? user.keyOffset;
      const message = `${JSON.stringify(port.name)} is a port that several pools share: name the pools`;
      problems.add(at, joinPath(user.path, 'pools'), message);
    }
    if (port.fields.listen === null) report('listen', 'a port that several pools share has to be somewhere');
    checkNames(port, led ?? [], report);
    for (const [name, pool] of led ?? []) {
      const problem = problemOf(port, name, byName.get(pool), users);
      if (problem !== null) report('pools', `${name}: ${problem.replace('POOL', JSON.stringify(pool))}`);
    }
    if (poolBy === 'user') {
      if (!led && users.length === 0) report('pools', REQUIRED.user);
      continue;
    }
    if (!led && !port.offsets.has('pools')) report('pools', REQUIRED[poolBy]);
    const passwords = new Set((led ?? []).map(([, pool]) => passwordOf(byName.get(pool)?.fields ?? {})));
    if (poolBy === 'database' && passwords.size > 1 && users.length === 0) {
      report('pools', 'one sign-in is for all databases of a port: give their pools the same password');
    }
  }
}

type Report = (key: string, message: string) => void;

const REQUIRED = {
  user: 'there are no users: write users, or a map of users to the names of their pools',
  server_name: 'required beside pool_by: a map of server names to the names of pools',
  database: 'required beside pool_by: a map of database numbers to the names of pools',
};

/** Whoever bounds clients here takes it for a bound on all who come by the port, and they are the pools'. */
function checkClients({ fields, offsets }: PoolDraft, report: Report): void {
  const { poolBy, addressLimits, listenTls, proxyProtocol } = fields;
  const why = `a port by ${poolBy} serves nobody itself, clients are those of a pool from their first byte on: write it there`;
  for (const key of OF_SERVED_CLIENTS) if (offsets.has(key)) report(key, why);
  const limits: Readonly<Record<string, unknown>> = addressLimits ?? {};
  for (const [field, { key }] of Object.entries(LIMIT_SETTINGS)) {
    const isGiven = JSON.stringify(limits[field] ?? null) !== JSON.stringify(LIMIT_DEFAULTS[field] ?? null);
    if (addressLimits && isGiven) report('address_limits', `${key}: ${why}`);
  }
  // Whom nobody knows the pool of yet counts here.
  if (listenTls || proxyProtocol) return;
  if (offsets.has('client_connections')) report('client_connections', why);
  if (limits.connections) report('address_limits', `connections: ${why}`);
}

function checkNames(
  { fields: { poolBy, protocol, listenTls } }: PoolDraft,
  led: readonly (readonly [string, string])[],
  report: Report,
): void {
  for (const [name] of led) {
    const isNumber = DATABASE.test(name) && Number(name) < DATABASES_MAX;
    if (poolBy === 'database' && !isNumber)
      report('pools', `${name}: is no number of a database, 0 to ${DATABASES_MAX - 1}`);
    if (poolBy === 'server_name' && !SERVER_NAME.test(name)) {
      report('pools', `${name}: is no server name: a host name in lower case, "*.example.net", or "*" for all others`);
    }
  }
  if (poolBy === 'database' && !led.some(([name]) => name === '0')) report('pools', 'lacks 0, where clients begin');
  if (poolBy === 'database' && protocol !== undefined && protocolOfSetting('databases') !== protocol) {
    report('pool_by', `${PROTOCOL_TRAITS[protocol].title} has no databases`);
  }
  if (poolBy === 'server_name' && !listenTls)
    report('pool_by', 'clients name a server in TLS only: the port lacks listen_tls');
}

function passwordOf({ redisAuth = null, memcachedAuth = null }: PoolDraft['fields']): string | null {
  return poolPassword({ redisAuth, memcachedAuth });
}

/** What is wrong with a pool that the port leads to; null: nothing. */
function problemOf(
  { fields: { poolBy, protocol } }: PoolDraft,
  name: string,
  pool: PoolDraft | undefined,
  users: readonly UserDraft[],
): string | null {
  if (pool === undefined) return 'there is no pool POOL';
  const { fields } = pool;
  if (fields.poolBy) return 'POOL is a port itself';
  if (protocol !== undefined && fields.protocol !== undefined && fields.protocol !== protocol) {
    return `POOL speaks ${fields.protocol}, and this port ${protocol}`;
  }
  if (poolBy === 'database' && (fields.databases ?? 1) > 1)
    return 'POOL has databases of its own; leave them out there';
  if (poolBy !== 'user') return null;
  const password = passwordOf(fields);
  const own =
    password === null || !fields.protocol ? null : PROTOCOL_TRAITS[fields.protocol].access.credentials(password);
  const isKnown =
    own?.name === name || users.some(user => user.name === name && user.fields.pools?.includes(pool.name));
  return isKnown ? null : 'POOL has no user of that name';
}
