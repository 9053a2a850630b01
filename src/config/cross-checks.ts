import { isIPv4 } from 'node:net';
import { MAX_RING_SERVERS, MAX_TOTAL_WEIGHT } from '../placement/ring-server.ts';
import { PROTOCOL_SETTINGS, PROTOCOL_TRAITS, protocolOfSetting } from '../protocol/protocol-traits.ts';
import type { ScalarSetting } from '../settings/setting.ts';
import { addressText, type HostPort, type ListenAddress } from './address.ts';
import type { ConfigDraft, PoolDraft } from './pool-draft.ts';
import type { Problems } from './problems.ts';
import { joinPath } from './yaml-tree.ts';

/** What no key can tell alone: names given twice, addresses taken twice, keys that contradict each other. */
export function crossCheck(draft: ConfigDraft, problems: Problems): void {
  for (const pool of draft.pools) {
    checkProtocolKeys(pool, problems);
    checkServers(pool, problems);
  }
  checkListenAddresses(draft, problems);
}

/** What is another protocol's, a pool must not say. */
function checkProtocolKeys(pool: PoolDraft, problems: Problems): void {
  const { protocol } = pool.fields;
  if (protocol === undefined) return;
  for (const [field, { key, isHarmlessElsewhere }] of Object.entries(
    PROTOCOL_SETTINGS as Record<string, ScalarSetting>,
  )) {
    const owner = protocolOfSetting(field);
    const offset = pool.offsets.get(key);
    if (owner === null || owner === protocol || offset === undefined || isHarmlessElsewhere) continue;
    const message = `only for ${PROTOCOL_TRAITS[owner].title}, and this pool speaks ${PROTOCOL_TRAITS[protocol].title}; leave it out`;
    problems.add(offset, joinPath(pool.path, key), message);
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
