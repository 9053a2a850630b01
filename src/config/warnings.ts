import type { Config, PoolConfig } from './config.ts';

/** Something that works but is probably not meant. */
export interface ConfigWarning {
  readonly path: string;
  readonly message: string;
}

const DEFAULT_SERVER_RETRY_TIMEOUT_MS = 30_000;

/** What a user should be told about a valid configuration, once, at start. In the order of the file's pools. */
export function configWarnings(config: Config): ConfigWarning[] {
  const warnings = config.ignored.map(path => ({ path, message: 'accepted, and has no effect here' }));
  for (const pool of config.pools) {
    const path = config.form === 'native' ? `pools.${pool.name}` : pool.name;
    warnings.push(...poolWarnings(pool, path));
  }
  return warnings;
}

function poolWarnings(pool: PoolConfig, path: string): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const warn = (key: string, message: string) => warnings.push({ path: `${path}.${key}`, message });

  const hasRing = pool.servers.length > 1;
  if (hasRing && pool.hash === 'crc32' && pool.distribution === 'ketama') {
    warn('hash', 'crc32 has only 15 bits, so ketama puts every key on one server; use crc32a or fnv1a_64');
  }
  if (!hasRing && pool.hashTag !== null) {
    warn('hash_tag', 'no effect: the pool has one server, which gets every key');
  }
  if (!hasRing && pool.autoEjectHosts) {
    warn('auto_eject_hosts', 'the pool has one server; while it is ejected every request fails');
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
  if (pool.protocol === 'memcached' && pool.crossServer !== 'error') {
    warn('cross_server', 'no effect: memcached has no such commands');
  }
  if (pool.clientOutputLimitBytes < pool.clientBufferBytes) {
    warn('client_output_limit', 'below client_buffer: clients are cut off before reading from them pauses');
  }
  warnings.push(...sameAddressWarnings(pool, path));
  return warnings;
}

function sameAddressWarnings(pool: PoolConfig, path: string): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const seen = new Map<string, string>();
  for (const [i, { address, name }] of pool.servers.entries()) {
    const place = 'path' in address ? address.path : `${address.host} ${address.port}`;
    const earlier = seen.get(place);
    if (earlier === undefined) seen.set(place, name);
    else warnings.push({ path: `${path}.servers[${i}]`, message: `the same address as "${earlier}"` });
  }
  return warnings;
}
