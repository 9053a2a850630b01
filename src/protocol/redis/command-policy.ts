// What Ringmaster does with each Redis command. Key positions and arities are COMMAND's (command-data.ts); this file is
// what COMMAND does not say. A command with keys that stands in none of these lists is forwarded by its keys.
import type { CommandRow } from './command-data.ts';

/** How the replies of several servers become one; see coalescers.ts. */
export type MergeKind = 'values' | 'sum' | 'same' | 'all_true';

/** Keys at other places than first, last, step say. Numbers are argument indexes, the name being 0. */
export type MovableKeys =
  | { readonly kind: 'counted'; readonly countAt: number; readonly destinationAt: number | null }
  | { readonly kind: 'streams'; readonly optionsAt: number }
  | { readonly kind: 'sort' }
  | { readonly kind: 'geo_store'; readonly optionsAt: number };

/** Commands younger than Redis 7.0 that clients send by themselves. */
export const YOUNGER_ROWS: readonly CommandRow[] = [
  ['client|no-touch', 3, 0, 0, 0, 'noscript loading stale', 'slow connection'],
  ['client|setinfo', 4, 0, 0, 0, 'noscript loading stale', 'slow connection'],
];

/** Cut into a request per server when the keys are on several. */
export const SPLIT: Readonly<Record<string, MergeKind>> = {
  del: 'sum',
  exists: 'sum',
  mget: 'values',
  mset: 'same',
  touch: 'sum',
  unlink: 'sum',
};

/** Sent to every server of the pool. */
export const TO_ALL: Readonly<Record<string, MergeKind>> = {
  dbsize: 'sum',
  'function|delete': 'same',
  'function|flush': 'same',
  'function|load': 'same',
  'function|restore': 'same',
  'script|exists': 'all_true',
  'script|flush': 'same',
  'script|load': 'same',
};

/** Every server answers these alike. */
export const TO_ANY: readonly string[] = [
  'acl|help',
  'client|help',
  'command|getkeysandflags',
  'command|help',
  'config|help',
  'function|dump',
  'function|help',
  'function|list',
  'latency|help',
  'lolwut',
  'memory|help',
  'module|help',
  'object|help',
  'pubsub|help',
  'script|help',
  'slowlog|help',
  'xgroup|help',
  'xinfo|help',
];

const counted = (countAt: number, destinationAt: number | null = null): MovableKeys => ({
  kind: 'counted',
  countAt,
  destinationAt,
});

export const MOVABLE_KEYS: Readonly<Record<string, MovableKeys>> = {
  eval: counted(2),
  eval_ro: counted(2),
  evalsha: counted(2),
  evalsha_ro: counted(2),
  fcall: counted(2),
  fcall_ro: counted(2),
  georadius: { kind: 'geo_store', optionsAt: 6 },
  georadiusbymember: { kind: 'geo_store', optionsAt: 5 },
  lmpop: counted(1),
  sintercard: counted(1),
  sort: { kind: 'sort' },
  xread: { kind: 'streams', optionsAt: 1 },
  xreadgroup: { kind: 'streams', optionsAt: 1 },
  zdiff: counted(1),
  zdiffstore: counted(2, 1),
  zinter: counted(1),
  zintercard: counted(1),
  zinterstore: counted(2, 1),
  zmpop: counted(1),
  zunion: counted(1),
  zunionstore: counted(2, 1),
};

/** Answered by Ringmaster; local-commands.ts has how. */
export const LOCAL: readonly string[] = [
  'acl|whoami',
  'auth',
  'client|caching',
  'client|getname',
  'client|getredir',
  'client|id',
  'client|info',
  'client|list',
  'client|no-evict',
  'client|no-touch',
  'client|reply',
  'client|setinfo',
  'client|setname',
  'client|tracking',
  'client|trackinginfo',
  'command',
  'command|count',
  'command|docs',
  'command|getkeys',

  'command|info',
  'command|list',
  'config|get',
  'echo',
  'hello',
  'info',
  'module|list',
  'ping',
  'quit',
  'reset',
  'select',
  'time',
];

/** Of these, what any server answers with the same bytes: a request that is too large for Ringmaster goes to one. */
export const ANSWERED_ALIKE: readonly string[] = ['echo', 'ping'];

/** Let through before AUTH. */
export const BEFORE_AUTH: readonly string[] = ['auth', 'hello', 'quit', 'reset'];

/** What a Redis that is not part of a cluster answers to every command of clusters. */
export const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled';

const CLUSTER = [
  'asking',
  'readonly',
  'readwrite',
  'cluster|addslots',
  'cluster|addslotsrange',
  'cluster|bumpepoch',
  'cluster|count-failure-reports',
  'cluster|countkeysinslot',
  'cluster|delslots',
  'cluster|delslotsrange',
  'cluster|failover',
  'cluster|flushslots',
  'cluster|forget',
  'cluster|getkeysinslot',
  'cluster|help',
  'cluster|info',
  'cluster|keyslot',
  'cluster|links',
  'cluster|meet',
  'cluster|myid',
  'cluster|nodes',
  'cluster|replicas',
  'cluster|replicate',
  'cluster|reset',
  'cluster|saveconfig',
  'cluster|set-config-epoch',
  'cluster|setslot',
  'cluster|shards',
  'cluster|slaves',
  'cluster|slots',
] as const;

export const IN_CLUSTERS_ONLY: readonly string[] = CLUSTER;

/** Why a command cannot be proxied, with the commands it is true of. */
const REFUSALS: readonly { readonly why: string; readonly commands: readonly string[] }[] = [
  {
    why: 'transactions need a server connection of their own, and it shares its connections between clients',
    commands: ['discard', 'exec', 'multi', 'unwatch', 'watch'],
  },
  {
    why: 'it blocks its server connection, which other clients share',
    commands: ['blmove', 'blmpop', 'blpop', 'brpop', 'brpoplpush', 'bzmpop', 'bzpopmax', 'bzpopmin', 'wait'],
  },
  {
    why: 'Pub/Sub is not supported, because channels are not spread over the servers as keys are',
    commands: [
      'psubscribe',
      'publish',
      'pubsub|channels',
      'pubsub|numpat',
      'pubsub|numsub',
      'pubsub|shardchannels',
      'pubsub|shardnumsub',
      'punsubscribe',
      'spublish',
      'ssubscribe',
      'subscribe',
      'sunsubscribe',
      'unsubscribe',
    ],
  },
  {
    why: 'it concerns all keys of a server, and a pool has several; send it to the servers',
    commands: ['flushall', 'flushdb', 'keys', 'randomkey', 'scan', 'swapdb'],
  },
  {
    why: 'it manages one server; send it to that server',
    commands: [
      'acl|cat',
      'acl|deluser',
      'acl|dryrun',
      'acl|genpass',
      'acl|getuser',
      'acl|list',
      'acl|load',
      'acl|log',
      'acl|save',
      'acl|setuser',
      'acl|users',
      'bgrewriteaof',
      'bgsave',
      'config|resetstat',
      'config|rewrite',
      'config|set',
      'debug',
      'function|kill',
      'function|stats',
      'lastsave',
      'latency|doctor',
      'latency|graph',
      'latency|histogram',
      'latency|history',
      'latency|latest',
      'latency|reset',
      'memory|doctor',
      'memory|malloc-stats',
      'memory|purge',
      'memory|stats',
      'migrate',
      'module|load',
      'module|loadex',
      'module|unload',
      'monitor',
      'pfdebug',
      'pfselftest',
      'restore-asking',
      'role',
      'save',
      'script|debug',
      'script|kill',
      'shutdown',
      'slowlog|get',
      'slowlog|len',
      'slowlog|reset',
    ],
  },
  {
    why: 'it is spoken between servers',
    commands: ['failover', 'psync', 'replconf', 'replicaof', 'slaveof', 'sync'],
  },
  {
    why: 'it acts on other clients of a server connection that all clients share',
    commands: ['client|kill', 'client|pause', 'client|unblock', 'client|unpause'],
  },
];

/** Command → why it cannot be proxied. */
export const REFUSED: ReadonlyMap<string, string> = new Map(
  REFUSALS.flatMap(({ why, commands }) => commands.map(command => [command, why] as const)),
);

/** XREAD and XREADGROUP with BLOCK. */
export const REFUSED_BLOCK = 'with BLOCK it blocks its server connection, which other clients share';

/** The words of a refusal; `command` is a name of the table. */
export function refusalText(command: string, why: string): string {
  return `ERR '${command}' cannot be used through Ringmaster: ${why}`;
}
