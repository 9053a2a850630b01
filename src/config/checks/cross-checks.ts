import { isIPv4 } from 'node:net';
import { MAX_RING_SERVERS, MAX_TOTAL_WEIGHT } from '../../placement/ring-server.ts';
import { PROTOCOL_SETTINGS, PROTOCOL_TRAITS, protocolOfSetting } from '../../protocol/protocol-traits.ts';
import type { ScalarSetting } from '../../settings/setting.ts';
import { addressText, type ListenAddress } from '../address.ts';
import type { ListenTlsConfig } from '../config.ts';
import type { ConfigDraft, PoolDraft } from '../pool-draft.ts';
import type { Problems } from '../problems.ts';
import { joinPath } from '../yaml-tree.ts';
import { checkKeyPrefixes } from './key-prefix-checks.ts';
import { checkLimits } from './limit-checks.ts';
import { checkPorts } from './port-checks.ts';
import { checkUsers } from './user-checks.ts';

/** What no key can tell alone: names given twice, addresses taken twice, keys that contradict each other. */
export function crossCheck(draft: ConfigDraft, problems: Problems): void {
  for (const pool of draft.pools) {
    checkProtocolKeys(pool, problems);
    checkServers(pool, problems);
    checkReplicas(pool, problems);
    checkDatabases(pool, problems);
    checkCluster(pool, problems);
    checkPresentation(pool, problems);
    checkSentinel(pool, problems);
    checkCredentials(pool, problems);
    checkTls(pool, problems);
  }
  checkKeyPrefixes(draft, problems);
  checkPorts(draft, problems);
  checkListenAddresses(draft, problems);
  checkLimits(draft, problems);
  checkUsers(draft, problems);
  const { adminTls } = draft.top;
  if (adminTls) checkShown(adminTls, message => problems.add(offsetOf(draft, 'admin_tls'), 'admin_tls', message));
  if (draft.top.group != null && draft.top.user == null) {
    problems.add(offsetOf(draft, 'group'), 'group', 'only with user: the group is that of whom it runs as');
  }
}

/** -1: not given. */
function offsetOf({ offsets }: ConfigDraft, key: string): number {
  return offsets.get(key) ?? -1;
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

function checkDatabases({ fields, offsets, path }: PoolDraft, problems: Problems): void {
  const { databases = 1, redisDb = 0 } = fields;
  const offset = offsets.get('databases');
  if (databases === 1 || redisDb === 0 || offset === undefined) return;
  problems.add(offset, joinPath(path, 'databases'), 'redis_db makes the pool one database; leave one of the two out');
}

/** What a cluster decides by itself. */
const NOT_WITH_CLUSTER: Readonly<Record<string, string>> = {
  databases: 'a cluster has only database 0; leave it out',
  servers: 'a cluster tells its servers itself: leave them out, "seeds" has where to ask',
  hash: 'a cluster places keys by slots; leave it out',
  hash_tag: 'a cluster has {} for a tag; leave it out',
  distribution: 'a cluster places keys by slots; leave it out',
  server_proxy_protocol: 'nodes are reached where they say they are, with no proxy before them; leave it out',
};

function checkCluster(pool: PoolDraft, problems: Problems): void {
  const { cluster, protocol, redisDb } = pool.fields;
  const offset = pool.offsets.get('cluster') ?? pool.keyOffset;
  const path = joinPath(pool.path, 'cluster');
  if (!cluster) return;
  if (protocol !== undefined && PROTOCOL_TRAITS[protocol].cluster === null) {
    problems.add(offset, path, `${PROTOCOL_TRAITS[protocol].title} has no clusters`);
  }
  if (redisDb) problems.add(offset, path, 'a cluster has only database 0; leave redis_db out');
  for (const [key, message] of Object.entries(NOT_WITH_CLUSTER)) {
    const at = pool.offsets.get(key);
    if (at !== undefined) problems.add(at, joinPath(pool.path, key), message);
  }
  if (pool.fields.autoEjectHosts) {
    const message = 'a cluster has an owner for each slot and nobody to stand in; leave it out';
    problems.add(pool.offsets.get('auto_eject_hosts') ?? offset, joinPath(pool.path, 'auto_eject_hosts'), message);
  }
  if (cluster.seeds !== undefined && cluster.refreshMinMs > cluster.refreshIntervalMs) {
    problems.add(offset, path, 'refresh_min is longer than refresh_interval');
  }
}

/** What clients are promised of a cluster, the servers have to keep. */
function checkPresentation({ fields, offsets, path, servers, keyOffset }: PoolDraft, problems: Problems): void {
  const { presentAs, listen, advertise, databases = 1, cluster, hashTag } = fields;
  const report = (message: string) =>
    problems.add(offsets.get('present_as') ?? keyOffset, joinPath(path, 'present_as'), message);
  if (presentAs !== 'cluster') return;
  if (databases > 1) report('a cluster has only database 0; leave databases out');
  if (listen && 'path' in listen && !advertise) {
    report('clients of a cluster connect over TCP: say where, with advertise');
  }
  if (!cluster && servers.length > 1 && hashTag !== '{}') {
    report('libraries take keys with the same {tag} to be together: write hash_tag: "{}"');
  }
}

/** What Sentinel does by itself. */
const NOT_WITH_SENTINEL: Readonly<Record<string, string>> = {
  cluster: 'a cluster looks after its nodes itself; leave one of the two out',
  server_proxy_protocol: 'Sentinels and what they name are spoken to without PROXY headers; leave it out',
};

function checkSentinel(pool: PoolDraft, problems: Problems): void {
  const { sentinel, protocol } = pool.fields;
  const offset = pool.offsets.get('sentinel') ?? pool.keyOffset;
  const path = joinPath(pool.path, 'sentinel');
  for (const { path: at, offset: where, server } of pool.servers) {
    const isNamed = 'master' in server.address;
    if (isNamed && !sentinel) problems.add(where, at, 'a master is found by Sentinels: the pool lacks "sentinel"');
    if (!isNamed && sentinel) problems.add(where, at, 'Sentinels find the servers: write { master: NAME }');
  }
  if (!sentinel) return;
  if (protocol !== undefined && PROTOCOL_TRAITS[protocol].sentinel === null) {
    problems.add(offset, path, `${PROTOCOL_TRAITS[protocol].title} has no Sentinels`);
  }
  if (sentinel.user !== null && sentinel.password === null) problems.add(offset, path, 'user needs password');
  for (const [key, message] of Object.entries(NOT_WITH_SENTINEL)) {
    const at = pool.offsets.get(key);
    if (at !== undefined) problems.add(at, joinPath(pool.path, key), message);
  }
  if (pool.fields.autoEjectHosts) {
    const message = 'Sentinel has somebody take the place of a server; leave it out';
    problems.add(pool.offsets.get('auto_eject_hosts') ?? offset, joinPath(pool.path, 'auto_eject_hosts'), message);
  }
  const masters = pool.servers.map(({ server }) => ('master' in server.address ? server.address.master : ''));
  for (const [i, { path: at, offset: where }] of pool.servers.entries()) {
    if (masters[i] !== '' && masters.indexOf(masters[i]!) < i) problems.add(where, at, 'the same master as before');
  }
  if (sentinel.addresses !== undefined && sentinel.refreshMinMs > sentinel.refreshIntervalMs) {
    problems.add(offset, path, 'refresh_min is longer than refresh_interval');
  }
}

/** Of all servers of the pool each name stands for one. */
function checkReplicas(pool: PoolDraft, problems: Problems): void {
  const { protocol, sentinel } = pool.fields;
  const taken = new Map(pool.servers.map(({ path, server }) => [server.name, path]));
  for (const { path, offset, server } of pool.servers) {
    if (server.replicas === undefined) continue;
    const at = joinPath(path, 'replicas');
    if (sentinel) problems.add(offset, at, 'Sentinels tell the replicas; leave them out');
    if (protocol !== undefined && PROTOCOL_TRAITS[protocol].replication === null) {
      problems.add(offset, at, `${PROTOCOL_TRAITS[protocol].title} has no replicas`);
    }
    for (const { address } of server.replicas) {
      const name = addressText(address);
      const earlier = taken.get(name);
      if (earlier !== undefined) problems.add(offset, at, `${name} is a server already: ${earlier}`);
      taken.set(name, at);
    }
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

function checkTls({ fields, offsets, path }: PoolDraft, problems: Problems): void {
  const { listenTls, serverTls, sentinelTls, sentinel } = fields;
  const report = (key: string, message: string) => problems.add(offsets.get(key) ?? 0, joinPath(path, key), message);
  if (listenTls) checkShown(listenTls, message => report('listen_tls', message));
  for (const [key, tls] of Object.entries({ server_tls: serverTls, sentinel_tls: sentinelTls })) {
    if (tls && (tls.cert === null) !== (tls.key === null)) {
      report(key, 'cert and key belong together: give both, or neither');
    }
  }
  if (sentinelTls && !sentinel)
    report('sentinel_tls', 'the pool has no Sentinels; its servers are spoken to by server_tls');
}

function checkShown({ cert, key, ca, clientCert }: ListenTlsConfig, report: (message: string) => void): void {
  if (cert === null || key === null) report('needs cert and key');
  else if (cert.length !== key.length) {
    report(`has ${cert.length} of cert and ${key.length} of key; each needs the other`);
  }
  if (clientCert !== 'none' && ca === null) report('client_cert asks for certificates: say who may sign them, with ca');
}

/** Who says a name has something to prove it, and what memcached is told has a name in it. */
function checkCredentials({ fields, offsets, path, keyOffset, servers }: PoolDraft, problems: Problems): void {
  const { protocol, serverUser, serverPassword } = fields;
  if (serverUser && serverPassword === null) {
    problems.add(offsets.get('server_user') ?? keyOffset, joinPath(path, 'server_user'), 'needs server_password');
  }
  if (protocol === undefined) return;
  const needs = PROTOCOL_TRAITS[protocol].credentialsNeed;
  const check = (user: string | undefined | null, password: string, offset: number, at: string, userKey: string) => {
    if (needs.user && !user) problems.add(offset, at, `${PROTOCOL_TRAITS[protocol].title} wants ${userKey} beside it`);
    if (needs.oneLine && /[\r\n]/.test(password)) problems.add(offset, at, 'must be one line');
  };
  const offset = offsets.get('server_password') ?? keyOffset;
  if (serverPassword) check(serverUser, serverPassword, offset, joinPath(path, 'server_password'), 'server_user');
  for (const { offset: where, path: at, server } of servers) {
    if (server.password) check(server.user, server.password, where, joinPath(at, 'password'), 'user');
  }
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
    if (address) listeners.push({ path: joinPath(pool.path, 'listen'), offset, address });
  }
  const admin = draft.top.admin;
  if (admin) listeners.push({ path: 'admin', offset: offsetOf(draft, 'admin'), address: admin });
  const { adminSocket } = draft.top;
  if (adminSocket)
    listeners.push({ path: 'admin_socket', offset: offsetOf(draft, 'admin_socket'), address: adminSocket });

  const taken = new Map<string | number, TakenPort>();
  for (const listener of listeners) {
    const place = 'path' in listener.address ? listener.address.path : listener.address.port;
    if (place === 0) continue;
    const port = taken.get(place) ?? new TakenPort();
    taken.set(place, port);
    const host = 'path' in listener.address ? '' : canonicalHost(listener.address.host);
    const other = port.overlapping(host);
    port.take(host, listener);
    if (other === undefined) continue;
    // An admin address may be the default, which stands nowhere in the file: then the pool's line is the better place.
    const [at, against] = listener.offset >= 0 ? [listener, other] : [other, listener];
    const whose = `${addressText(against.address)} of ${against.path}`;
    problems.add(at.offset, at.path, `${addressText(at.address)} collides with ${whose}; choose another address`);
  }
}

/**
 * Who listens on one port, or on one unix socket. Sockets of ours share ports (SO_REUSEPORT), so the kernel would not
 * refuse hosts that overlap but mix up the clients.
 */
class TakenPort {
  private readonly byHost = new Map<string, Listener>();
  private first: Listener | undefined;
  private firstIpv4: Listener | undefined;

  /** By its canonical host. */
  take(host: string, listener: Listener): void {
    if (!this.byHost.has(host)) this.byHost.set(host, listener);
    this.first ??= listener;
    if (isAnyIpv4(host)) this.firstIpv4 ??= listener;
  }

  overlapping(host: string): Listener | undefined {
    const same = this.byHost.get(host) ?? this.byHost.get('::');
    if (same !== undefined) return same;
    if (host === '::') return this.first;
    if (host === '0.0.0.0') return this.firstIpv4;
    const all = isAnyIpv4(host) ? this.byHost.get('0.0.0.0') : undefined;
    if (all !== undefined) return all;
    if (host === 'localhost') return this.byHost.get('127.0.0.1') ?? this.byHost.get('::1');
    return host === '127.0.0.1' || host === '::1' ? this.byHost.get('localhost') : undefined;
  }
}

const isAnyIpv4 = (host: string) => isIPv4(host) || host === 'localhost';

function canonicalHost(host: string): string {
  if (!host.includes(':')) return host.toLowerCase();
  // URL parsing writes every spelling of an IPv6 address the same way, but knows no zone.
  const [address, zone] = host.split('%');
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}
