import { HASH_NAMES, type HashName } from '../../hash/hash.ts';
import { DISTRIBUTIONS, type Distribution } from '../../placement/ring.ts';
import { PROTOCOL_NAMES, PROTOCOL_SETTINGS, type ProtocolName } from '../../protocol/protocol-traits.ts';
import {
  count,
  duration,
  durationOrNone,
  flag,
  hashTag,
  type Kind,
  milliseconds,
  oneOf,
  text,
} from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { type ListenAddress, listenText } from '../address.ts';
import { type BareIpv6, parseListenAddress } from '../addresses.ts';
import { ACCESS_SETTINGS } from './access-settings.ts';
import { BOUND_SETTINGS } from './bound-settings.ts';
import { CLUSTER_SETTINGS } from './cluster-settings.ts';
import { CREDENTIAL_SETTINGS } from './credential-settings.ts';
import { HEALTH_CHECK_SETTINGS } from './health-check-settings.ts';
import { POOL_LIMIT_SETTINGS } from './limit-settings.ts';
import { PORT_SETTINGS } from './port-settings.ts';
import { RESHARD_SETTINGS } from './reshard-settings.ts';
import { SENTINEL_SETTINGS } from './sentinel-settings.ts';
import { TENANT_SETTINGS } from './tenant-settings.ts';
import { LISTEN_TLS_SETTINGS, SERVER_TLS_GROUP } from './tls-settings.ts';
import { TRAFFIC_SETTINGS } from './traffic-settings.ts';

/*
 * What a pool may say, in both forms of the file. How a table of settings works, and what a new one needs:
 * settings/setting.ts. What only one protocol has is in its own folder, protocol/<name>/settings.ts.
 */

const MAX_SERVER_CONNECTIONS = 1024;
const MAX_PRIVATE_CONNECTIONS = 65_536;
/** Bounds of the kernel, in whole seconds. */
const MIN_KEEPALIVE_MS = 1000;
const MAX_KEEPALIVE_MS = 32_767_000;
/** twemproxy's default, and once ours: keys that differ in their last characters land together. */
export const FORMER_DEFAULT_HASH = 'fnv1a_64';

export const POOL_SETTINGS = {
  listen: {
    key: 'listen',
    kind: addressOrNone(listenAddress('host:port, [v6]:port, or /path [octal mode]', 0, 'bracketed-ipv6')),
    twemproxy: listenAddress('host:port, or /path [octal mode]', 1, 'bare-ipv6'),
    about:
      'Where clients connect. Port 0 lets the system choose one. A mode such as `0660` is set on the unix socket. `none`: its clients ' +
      'come by a port that several pools share (`pool_by`).',
    applies: 'new-connections',
  },
  /** How clients are spoken to in TLS; null: they are not. */
  listenTls: {
    key: 'listen_tls',
    settings: LISTEN_TLS_SETTINGS,
    default: null,
    takes: 'a map',
    example: '{ cert: /etc/ringmaster/cert.pem, key: /etc/ringmaster/key.pem }',
    unset: 'off',
    about: 'Speak TLS with clients, and with them only so; see [TLS](tls.md).',
  },
  ...ACCESS_SETTINGS,
  ...PORT_SETTINGS,
  protocol: {
    key: 'protocol',
    kind: oneOf<ProtocolName>('protocol', PROTOCOL_NAMES, PROTOCOL_NAMES.join(' or ')),
    about: 'What clients and servers of this pool speak.',
    applies: 'new-pool',
  },
  servers: {
    key: 'servers',
    structure: 'servers',
    unless: ['cluster', PORT_SETTINGS.poolBy.key],
    takes: 'a list of servers',
    about: 'The servers, in any order; see [Servers](#servers). Not in a pool with `cluster` or `pool_by`.',
  },
  /** The servers are the nodes of a cluster, which place the keys and change by themselves; null: they are not. */
  cluster: {
    key: 'cluster',
    settings: CLUSTER_SETTINGS,
    default: null,
    takes: 'a map with seeds',
    example: '{ seeds: [10.0.0.1:7001, 10.0.0.2:7001] }',
    unset: 'off',
    about:
      'The pool is a Redis Cluster: its nodes and who has which keys are asked of it; see [cluster.md](cluster.md).',
  },
  /** Sentinels tell where the servers are; null: the file does. */
  sentinel: {
    key: 'sentinel',
    settings: SENTINEL_SETTINGS,
    default: null,
    takes: 'a map with addresses',
    example: '{ addresses: [10.0.0.1:26379, 10.0.0.2:26379, 10.0.0.3:26379] }',
    unset: 'off',
    about:
      'Sentinels look after the servers, which are written as `{ master: NAME }`: where these are is asked of them; see ' +
      '[sentinel.md](sentinel.md).',
  },
  /** How servers are spoken to in TLS; null: they are not. */
  serverTls: {
    key: 'server_tls',
    ...SERVER_TLS_GROUP,
    about: 'Speak TLS with all servers of the pool; see [TLS](tls.md).',
  },
  /** How Sentinels are spoken to in TLS; null: they are not. */
  sentinelTls: {
    key: 'sentinel_tls',
    ...SERVER_TLS_GROUP,
    about: 'Speak TLS with the Sentinels, at the addresses of `sentinel`; see [sentinel.md](sentinel.md#tls).',
  },
  ...CREDENTIAL_SETTINGS,
  hash: {
    key: 'hash',
    kind: oneOf<HashName>('hash', HASH_NAMES),
    default: 'murmur',
    twemproxyDefault: FORMER_DEFAULT_HASH,
    twemproxy: oneOf<HashName>('hash', HASH_NAMES, 'a hash'),
    about:
      'What turns a key into the number that chooses its server. Of a pool with several servers better written down: the ' +
      "default was `fnv1a_64`, as it is in twemproxy's form, and another hash moves the keys.",
    applies: 'live',
  },
  /** Two bytes in UTF-8: the opening and the closing one; null: the whole key is hashed. */
  hashTag: {
    key: 'hash_tag',
    kind: hashTag(),
    default: null,
    unset: 'unset',
    twemproxy: hashTag(),
    about: 'Only what stands between these two characters of a key is hashed, so that related keys share a server.',
    applies: 'live',
  },
  distribution: {
    key: 'distribution',
    kind: oneOf<Distribution>('distribution', DISTRIBUTIONS),
    default: 'ketama',
    twemproxy: oneOf<Distribution>('distribution', DISTRIBUTIONS, 'a distribution'),
    about: 'How servers share the keys: a consistent-hash ring, the remainder of the hash, or any server at all.',
    applies: 'live',
  },
  /** From enqueue to reply; 0: none. */
  timeoutMs: {
    key: 'timeout',
    kind: durationOrNone(),
    default: '5s',
    twemproxyDefault: 'none',
    twemproxy: milliseconds(),
    about: 'How long a server may take to answer a request, counted from when it is queued. Overdue requests fail.',
    applies: 'live',
  },
  connectTimeoutMs: {
    key: 'connect_timeout',
    kind: duration(1),
    default: '5s',
    about: 'How long connecting to a server may take.',
    applies: 'new-connections',
  },
  /** How long a request may wait for a connection; 0: as long as `timeoutMs`. */
  queueTimeoutMs: {
    key: 'queue_timeout',
    kind: durationOrNone(),
    default: 'none',
    about: 'How long a request may wait for a connection to its server; `none`: as long as `timeout`.',
    applies: 'live',
  },
  /** Of the listening socket. */
  backlog: {
    key: 'backlog',
    kind: count(0),
    default: '512',
    twemproxy: count(0, undefined, 'a number'),
    about: 'Connections the kernel holds for us until they are accepted, for each worker.',
    applies: 'live',
  },
  /** Clients connected at once; 0: unlimited. */
  clientConnections: {
    key: 'client_connections',
    kind: count(0),
    default: '0',
    twemproxy: count(0, undefined, 'a number'),
    about: 'Clients connected at once, over all workers; 0: unlimited. More are turned away with an error.',
    applies: 'new-connections',
  },
  /** 0: none. */
  clientIdleTimeoutMs: {
    key: 'client_idle_timeout',
    kind: durationOrNone(),
    default: 'none',
    about: 'A client that has been silent this long, with nothing to be answered, is closed.',
    applies: 'live',
  },
  tcpKeepalive: {
    key: 'tcpkeepalive',
    kind: flag(),
    default: 'true',
    twemproxyDefault: 'false',
    twemproxy: { ...flag(), takes: 'true or false' },
    about: 'TCP keep-alive on client connections; those to servers always have it.',
    applies: 'new-connections',
  },
  /** Of connections of clients, when `tcpKeepalive`, and of those to servers. */
  keepaliveIdleMs: {
    key: 'keepalive_idle',
    kind: duration(MIN_KEEPALIVE_MS, MAX_KEEPALIVE_MS),
    default: '60s',
    about:
      'Silence after which a TCP connection is probed, so that firewalls keep it and a peer that vanished is found: after ' +
      'three probes, a sixth of this time apart.',
    applies: 'new-connections',
  },
  preconnect: {
    key: 'preconnect',
    kind: flag(),
    default: 'false',
    twemproxy: { ...flag(), takes: 'true or false' },
    about: 'Connect to all servers at start instead of when they are first needed.',
    applies: 'live',
  },
  autoEjectHosts: {
    key: 'auto_eject_hosts',
    kind: flag(),
    default: 'false',
    twemproxy: { ...flag(), takes: 'true or false' },
    about: 'Take a server that keeps failing out of the ring; its keys go to the others meanwhile.',
    applies: 'live',
  },
  /** Connections per server and worker. */
  serverConnections: {
    key: 'server_connections',
    kind: count(1, MAX_SERVER_CONNECTIONS),
    default: '1',
    twemproxy: count(1, undefined, 'a number'),
    about: 'Connections to each server, for each worker; in Redis pools as many again for clients that speak RESP3.',
    applies: 'live',
  },
  /** Per server and worker, beside `serverConnections`. */
  privateConnections: {
    key: 'private_connections',
    kind: count(1, MAX_PRIVATE_CONNECTIONS),
    default: '256',
    about:
      'Connections to each server, for each worker, that clients may have to themselves at once, for what can’t be shared. ' +
      'More clients wait, for `queue_timeout` at most.',
    applies: 'live',
  },
  /** How long an ejected server stays out of the ring before it is probed. */
  serverRetryTimeoutMs: {
    key: 'server_retry_timeout',
    kind: duration(0),
    default: '30s',
    twemproxy: milliseconds(),
    about: 'How long an ejected server stays out before it is tried again.',
    applies: 'live',
  },
  /** Failures in a row before a server is ejected. */
  serverFailureLimit: {
    key: 'server_failure_limit',
    kind: count(1),
    default: '2',
    twemproxy: count(0, undefined, 'a number'),
    about: 'Failures in a row after which a server is ejected.',
    applies: 'live',
  },
  /** Whether and how the master asks the servers if they are well; null: it does not. */
  healthCheck: {
    key: 'health_check',
    settings: HEALTH_CHECK_SETTINGS,
    default: null,
    takes: 'a map; {} for the defaults',
    example: '{ interval: 5s }, or {} for the defaults',
    unset: 'off',
    about:
      'Ask the servers whether they are well, and keep those that are not out of the ring; see [Health checks](#health-checks).',
  },
  /** Longest request a client may send. */
  ...BOUND_SETTINGS,
  ...POOL_LIMIT_SETTINGS,
  ...TRAFFIC_SETTINGS,
  ...RESHARD_SETTINGS,
  ...TENANT_SETTINGS,
  ...PROTOCOL_SETTINGS,
} as const satisfies SettingTable;

function listenAddress(takes: string, minPort: 0 | 1, ipv6: BareIpv6) {
  return text<ListenAddress>(takes, written => parseListenAddress(written, minPort, ipv6), listenText);
}

function addressOrNone(kind: Kind<ListenAddress>): Kind<ListenAddress | null> {
  const { takes, read, write, json } = kind;
  return text<ListenAddress | null>(
    takes,
    written => (written === 'none' ? null : read(written)),
    value => (value === null ? 'none' : write(value)),
    json,
  );
}
