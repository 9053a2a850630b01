import { isIPv4 } from 'node:net';
import { MAX_RING_SERVERS, MAX_TOTAL_WEIGHT } from '../placement/ring-server.ts';
import { addressText } from './address-text.ts';
import type { HostPort, ListenAddress } from './config.ts';
import type { ConfigDraft, PoolDraft } from './pool-draft.ts';
import type { Problems } from './problems.ts';
import { joinPath } from './yaml-tree.ts';

/** What no key can tell alone: names given twice, addresses taken twice, keys that contradict each other. */
export function crossCheck(draft: ConfigDraft, problems: Problems): void {
  const redisKeys = draft.top.form === 'native' ? ['redis_auth', 'redis_db'] : ['redis_auth'];
  for (const pool of draft.pools) {
    checkProtocolKeys(pool, redisKeys, problems);
    checkServers(pool, problems);
  }
  checkListenAddresses(draft, problems);
}

/** twemproxy takes `redis_db` in a memcached pool and ignores it; files that have it must load. */
function checkProtocolKeys(pool: PoolDraft, keys: readonly string[], problems: Problems): void {
  if (pool.fields.protocol !== 'memcached') return;
  for (const key of keys) {
    const offset = pool.offsets.get(key);
    if (offset === undefined) continue;
    problems.add(offset, joinPath(pool.path, key), 'only for Redis, and this pool speaks memcached; leave it out');
  }
}

function checkServers(pool: PoolDraft, problems: Problems): void {
  const byName = new Map<string, string>();
  let totalWeight = 0;
  for (const { path, offset, server } of pool.servers) {
    const earlier = byName.get(server.name);
    if (earlier !== undefined) {
      const message = `the name "${server.name}" is already that of ${earlier}; give one of them another name`;
      problems.add(offset, path, message);
    } else {
      byName.set(server.name, path);
    }
    totalWeight += server.weight;
  }
  const offset = pool.offsets.get('servers') ?? pool.keyOffset;
  const path = joinPath(pool.path, 'servers');
  if (pool.servers.length > MAX_RING_SERVERS) problems.add(offset, path, `at most ${MAX_RING_SERVERS} servers`);
  if (totalWeight > MAX_TOTAL_WEIGHT) problems.add(offset, path, `the weights add up to over ${MAX_TOTAL_WEIGHT}`);
}

interface Listener {
  readonly path: string;
  readonly offset: number;
  readonly address: ListenAddress;
}

function checkListenAddresses(draft: ConfigDraft, problems: Problems): void {
  const listeners: Listener[] = [];
  for (const pool of draft.pools) {
    const address = pool.fields.listen;
    const offset = pool.offsets.get('listen') ?? pool.keyOffset;
    if (address !== undefined) listeners.push({ path: joinPath(pool.path, 'listen'), offset, address });
  }
  const admin = draft.top.admin;
  if (admin) listeners.push({ path: 'admin', offset: draft.adminOffset, address: admin });

  for (const [i, listener] of listeners.entries()) {
    const other = listeners.slice(0, i).find(earlier => collide(earlier.address, listener.address));
    if (other === undefined) continue;
    // The admin address may be the default, which stands nowhere in the file: then the pool's line is the better place.
    const [at, against] = listener.offset >= 0 ? [listener, other] : [other, listener];
    const taken = `${addressText(against.address)} of ${against.path}`;
    problems.add(at.offset, at.path, `${addressText(at.address)} collides with ${taken}; choose another address`);
  }
}

function collide(a: ListenAddress, b: ListenAddress): boolean {
  if ('path' in a) return 'path' in b && a.path === b.path;
  if ('path' in b) return false;
  if (a.port !== b.port || a.port === 0) return false;
  return hostsOverlap(a, b);
}

/** Sockets of ours share ports (SO_REUSEPORT), so the kernel would not refuse overlapping ones but mix up the clients. */
function hostsOverlap(a: HostPort, b: HostPort): boolean {
  const [hostA, hostB] = [canonicalHost(a.host), canonicalHost(b.host)];
  if (hostA === hostB || hostA === '::' || hostB === '::') return true;
  if (hostA === '0.0.0.0') return isIPv4(hostB) || hostB === 'localhost';
  if (hostB === '0.0.0.0') return isIPv4(hostA) || hostA === 'localhost';
  const loopback = ['127.0.0.1', '::1'];
  return (hostA === 'localhost' && loopback.includes(hostB)) || (hostB === 'localhost' && loopback.includes(hostA));
}

function canonicalHost(host: string): string {
  if (!host.includes(':')) return host.toLowerCase();
  // URL parsing writes every spelling of an IPv6 address the same way, but knows no zone.
  const [address, zone] = host.split('%');
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}
