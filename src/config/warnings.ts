import { PROTOCOL_SETTINGS, PROTOCOL_TRAITS, protocolOfSetting } from '../protocol/protocol-traits.ts';
import { ALL_ALLOWED } from '../settings/access-rules.ts';
import { defaultOf, isScalar, type SettingTable } from '../settings/setting.ts';
import { readRange } from '../system/address-ranges.ts';
import { atOnce, type Steps } from '../system/slices.ts';
import { addressText, entranceText } from './address.ts';
import type { Config, PoolConfig, UserConfig } from './config.ts';
import { isFound } from './found-servers.ts';
import { portPools } from './port-pools.ts';
import { FORMER_DEFAULT_HASH, POOL_SETTINGS } from './tables/pool-settings.ts';

/** Something that works but is probably not meant. */
export interface ConfigWarning {
  readonly path: string;
  readonly message: string;
}

const DEFAULT_SERVER_RETRY_TIMEOUT_MS = 30_000;

/** What a user should be told about a valid configuration, once, at start. In the order of the file's pools. */
export const configWarnings = (config: Config) => atOnce(configWarningSteps(config));

/** The same, pool by pool. */
export function* configWarningSteps(config: Config): Steps<ConfigWarning[]> {
  const warnings = config.ignored.map(path => ({ path, message: 'accepted, and has no effect here' }));
  for (const { path, file } of config.secretFiles.filter(({ isExposed }) => isExposed)) {
    warnings.push({ path, message: `anybody on this machine can read ${file}: chmod o-r` });
  }
  warnings.push(...defaultHashWarnings(config));
  const protocols = new Map(config.pools.map(({ name, protocol }) => [name, protocol]));
  const reached = new Set(
    config.pools.flatMap(port => [...portPools(port, config.users, pool => protocols.get(pool)).values()]),
  );
  for (const pool of config.pools) {
    const path = poolPath(config, pool);
    if (pool.listen === null && !reached.has(pool.name)) {
      warnings.push({ path: `${path}.listen`, message: 'nobody can connect: no port with pool_by leads to this pool' });
    }
    warnings.push(...entranceWarnings(pool, path));
    warnings.push(...(pool.poolBy === null ? poolWarnings(pool, path) : portWarnings(pool, path)));
    yield;
  }
  warnings.push(...config.users.flatMap(userWarnings), ...certificateWarnings(config, protocols));
  return warnings;
}

/** Who is let in that was probably to be kept out. */
function entranceWarnings({ listenTls, proxyProtocol }: PoolConfig, path: string): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  if (listenTls !== null && listenTls.clientCert === 'none' && (listenTls.ca ?? listenTls.crl) !== null) {
    const message = 'client_cert is none: nobody is asked for a certificate, and ca and crl have no effect';
    warnings.push({ path: `${path}.listen_tls`, message });
  }
  const everybody = proxyProtocol?.find(text => readRange(text)?.bits === 0);
  if (everybody !== undefined) {
    const message = `${everybody} is everybody, and whoever is in it says who it is: name the balancers`;
    warnings.push({ path: `${path}.proxy_protocol`, message });
  }
  return warnings;
}

/** What counts few of those that it seems to be about. */
function portWarnings({ poolBy, clientConnections, addressLimits }: PoolConfig, path: string): ConfigWarning[] {
  if (poolBy === 'user') return [];
  const message =
    'counts those only who are in their TLS handshake, or have yet to send their PROXY header: give the pools one, too';
  const given = [
    ...(clientConnections > 0 ? ['client_connections'] : []),
    ...(addressLimits?.connections ? ['address_limits.connections'] : []),
  ];
  return given.map(key => ({ path: `${path}.${key}`, message }));
}

/** Nobody would ask for what a user is to sign in with. */
function certificateWarnings(
  { users, pools }: Config,
  protocols: ReadonlyMap<string, PoolConfig['protocol']>,
): ConfigWarning[] {
  const asking = pools.filter(({ listenTls }) => listenTls !== null && listenTls.clientCert !== 'none');
  const led = asking.flatMap(port => [...portPools(port, users, pool => protocols.get(pool)).values()]);
  const reached = new Set([...asking.map(({ name }) => name), ...led]);
  return users.flatMap(({ name, certificates, pools: own }) => {
    if (certificates === null || own.some(pool => reached.has(pool))) return [];
    const message = 'no effect: none of its pools asks clients for certificates (listen_tls, client_cert)';
    return [{ path: `users.${name}.certificates`, message }];
  });
}

function userWarnings({ name, passwords, nopass, rules }: UserConfig): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const warn = (key: string, message: string) => warnings.push({ path: `users.${name}.${key}`, message });
  if (passwords?.some(({ isPlain }) => isPlain)) {
    warn(
      'passwords',
      'a password in plain text: write what "ringmaster hash-password" makes of it, which begins with "#"',
    );
  }
  if (nopass && rules === ALL_ALLOWED) warn('nopass', 'whoever connects may do everything; give the user rules');
  return warnings;
}

/** Once for the file: whoever let the default of an earlier release place the keys must hear that it is another now. */
function defaultHashWarnings({ pools, withoutHash }: Config): ConfigWarning[] {
  const places = pools.filter(
    pool =>
      pool.cluster === null &&
      withoutHash.includes(pool.name) &&
      pool.servers.length > 1 &&
      pool.distribution !== 'random',
  );
  const [first, ...others] = places;
  if (first === undefined) return [];
  const also = others.length === 0 ? '' : ` (and of ${others.length} more pools)`;
  const keep = `write "hash: ${FORMER_DEFAULT_HASH}" to keep keys where an earlier release put them`;
  const message = `not given${also}, and the default is ${first.hash} now, it was ${FORMER_DEFAULT_HASH}: ${keep}, else "hash: ${first.hash}"`;
  return [{ path: `pools.${first.name}.${POOL_SETTINGS.hash.key}`, message }];
}

/** Where the pool's keys stand in the file. */
export function poolPath(config: Config, pool: PoolConfig): string {
  return config.form === 'native' ? `pools.${pool.name}` : pool.name;
}

function poolWarnings(pool: PoolConfig, path: string): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const warn = (key: string, message: string) => warnings.push({ path: `${path}.${key}`, message });

  const hasRing = pool.servers.length > 1;
  if (hasRing && pool.hash === 'crc32' && pool.distribution === 'ketama') {
    warn('hash', 'crc32 has only 15 bits, so ketama puts every key on one server; use crc32a or murmur');
  }
  if (pool.advertise !== null && pool.presentAs !== 'cluster') {
    warn('advertise', 'no effect without "present_as: cluster"');
  }
  if (!hasRing && pool.hashTag !== null) {
    warn('hash_tag', 'no effect: the pool has one server, which gets every key');
  }
  if (!hasRing && pool.autoEjectHosts) {
    warn('auto_eject_hosts', 'the pool has one server; while it is ejected every request fails');
  }
  if (hasRing && pool.autoEjectHosts && pool.distribution === 'modula') {
    warn('auto_eject_hosts', 'with modula, ejecting one server moves nearly all keys of the others; use ketama');
  }
  if (pool.autoEjectHosts && pool.timeoutMs === 0) {
    warn('auto_eject_hosts', 'without a timeout, a server that hangs is never ejected; set timeout');
  }
  if (pool.hashTag !== null && pool.distribution === 'random') {
    warn('hash_tag', 'no effect: a random distribution does not look at keys');
  }
  const tag = pool.hashTag === null ? null : Buffer.from(pool.hashTag);
  if (tag !== null && tag[0] === tag[1]) {
    warn('hash_tag', 'both characters are the same; the tag is what stands between the first two of them');
  }
  if (!pool.autoEjectHosts && pool.serverRetryTimeoutMs !== DEFAULT_SERVER_RETRY_TIMEOUT_MS) {
    warn('server_retry_timeout', 'no effect without auto_eject_hosts: true');
  }
  if (!hasRing && !isFound(pool) && pool.healthCheck !== null) {
    warn('health_check', 'the pool has one server; while it is down every request fails at once');
  }
  if (hasRing && !isFound(pool) && pool.healthCheck !== null && pool.distribution === 'modula') {
    warn('health_check', 'with modula, a server that is down moves nearly all keys of the others; use ketama');
  }
  if (pool.healthCheck !== null && pool.healthCheck.timeoutMs > pool.healthCheck.intervalMs) {
    warn(
      'health_check',
      'timeout is longer than interval: servers that hang are probed more rarely than interval says',
    );
  }
  if (pool.serverTls?.verify === false) {
    warn('server_tls', 'verify is false: whoever can come between here and the servers reads and changes everything');
  }
  if (pool.sentinelTls?.verify === false) {
    warn('sentinel_tls', 'verify is false: whoever can come between here and the Sentinels says who the masters are');
  }
  const hasReplicas = pool.cluster !== null || pool.sentinel !== null || pool.servers.some(each => each.replicas);
  if (pool.readFrom === 'primary' && pool.servers.some(each => each.replicas)) {
    warn('servers', 'replicas are read from only with read_from');
  }
  if (pool.readFrom !== 'primary' && !hasReplicas) warn('read_from', 'no effect: there are no replicas');
  for (const key of foreignKeys(pool)) {
    warn(key, `no effect: a pool that speaks ${PROTOCOL_TRAITS[pool.protocol].title} has no use for it`);
  }
  if (pool.clientOutputLimitBytes < pool.clientBufferBytes) {
    warn('client_output_limit', 'below client_buffer: clients are cut off before reading from them pauses');
  }
  warnings.push(...addressWarnings(pool, path));
  return warnings;
}

/** Settings of another protocol that are no error here, and differ from their defaults. */
function foreignKeys(pool: PoolConfig): string[] {
  return Object.entries(PROTOCOL_SETTINGS as SettingTable).flatMap(([field, setting]) => {
    if (!isScalar(setting) || !setting.isHarmlessElsewhere || protocolOfSetting(field) === pool.protocol) return [];
    const value = (pool as unknown as Record<string, unknown>)[field];
    return value === defaultOf(setting, 'native') ? [] : [setting.key];
  });
}

function addressWarnings(pool: PoolConfig, path: string): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const warn = (i: number, message: string) => warnings.push({ path: `${path}.servers[${i}]`, message });
  const listen = entranceText(pool.listen);
  const seen = new Map<string, string>();
  for (const [i, { address, name }] of pool.servers.entries()) {
    const place = addressText(address);
    const earlier = seen.get(place);
    if (earlier === undefined) seen.set(place, name);
    else warn(i, `the same address as "${earlier}", so that server gets the keys of both`);
    if (place === listen) warn(i, 'the address this pool listens on: requests would come back to it without end');
  }
  return warnings;
}
