// The commands that do not simply go by their keys and cannot be answered here: what they need, and what their clients read
// while nothing serves them. Whoever builds one of these families finds its commands here, and takes the family away from the
// refused ones by giving it a route in command.ts.
import type { KeySpecRow } from './command-data.ts';

/**
 * transaction     a server connection of the client's own between MULTI or WATCH and what ends them
 * blocking        a server connection of the client's own while it waits; BLOCKING_TIMEOUTS
 * subscription    a subscription connection; messages come without being asked for
 * publication     where the subscribers of the channel are, or all servers
 * scan            all servers one after the other
 * whole_database  all servers at once
 * index           all servers, and their replies merged by what the module means
 * connection      something that stays with a server connection
 * clients         what this proxy knows of its clients, in all workers
 * server          one server, which an operator means
 * replication     spoken between servers
 * cluster         a member of a Redis Cluster
 */
export type Family =
  | 'transaction'
  | 'blocking'
  | 'subscription'
  | 'publication'
  | 'audience'
  | 'scan'
  | 'whole_database'
  | 'index'
  | 'connection'
  | 'clients'
  | 'server'
  | 'replication'
  | 'cluster';

interface FamilyMembers {
  readonly family: Family;
  /** Why a pool cannot do it; null: it can. */
  readonly why: string | null;
  /** A pool of one server sends it there, on the connection that all share. */
  readonly isServedByOne: boolean;
  readonly commands: string;
}

const ALL_KEYS = 'it concerns all keys of a server, and a pool has several; send it to the servers';

const MEMBERS: readonly FamilyMembers[] = [
  {
    family: 'transaction',
    why: null,
    isServedByOne: false,
    commands: 'discard exec multi unwatch watch',
  },
  {
    family: 'blocking',
    why: null,
    isServedByOne: false,
    commands: 'blmove blmovem blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin wait waitaof',
  },
  {
    family: 'subscription',
    why: null,
    isServedByOne: false,
    commands: 'psubscribe punsubscribe ssubscribe subscribe sunsubscribe unsubscribe',
  },
  { family: 'publication', why: null, isServedByOne: true, commands: 'publish spublish' },
  {
    family: 'audience',
    why: null,
    isServedByOne: true,
    commands: 'pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub',
  },
  { family: 'scan', why: null, isServedByOne: false, commands: 'scan' },
  { family: 'scan', why: ALL_KEYS, isServedByOne: true, commands: 'bless|scan' },
  // It sees other databases than the pool's.
  { family: 'whole_database', why: ALL_KEYS, isServedByOne: false, commands: 'swapdb' },
  {
    family: 'index',
    why: 'it concerns what a server has of its own beside its keys, and a pool has several',
    isServedByOne: true,
    commands: `ft._list ft.aggregate ft.aliasadd ft.aliasdel ft.aliaslist ft.aliasupdate ft.alter ft.create ft.cursor
      ft.dictadd ft.dictdel ft.dictdump ft.dropindex ft.explain ft.explaincli ft.hybrid ft.info ft.profile ft.search
      ft.spellcheck ft.syndump ft.synupdate ft.tagvals ts.mget ts.mrange ts.mrevrange ts.queryindex ts.querylabels`,
  },
  {
    family: 'connection',
    why: 'it leaves something behind on its server connection, which other clients share',
    isServedByOne: false,
    commands: `client|capa client|import-source himport|discard himport|discardall himport|prepare himport|set script|debug`,
  },
  {
    family: 'clients',
    why: null,
    isServedByOne: false,
    commands: 'client|kill client|list client|pause client|unblock client|unpause',
  },
  {
    family: 'server',
    why: 'it manages one server; send it to that server',
    isServedByOne: false,
    commands: `acl|deluser acl|load acl|log acl|save acl|setuser
      backup bgrewriteaof bgsave commandlog|get commandlog|help commandlog|len commandlog|reset config|resetstat config|rewrite
      config|set debug ft.config hotkeys|get hotkeys|reset hotkeys|start hotkeys|stop lastsave
      latency|doctor latency|graph latency|histogram latency|history latency|latest latency|reset memory|doctor
      memory|malloc-stats memory|purge memory|stats migrate module|load module|loadex module|unload monitor pfdebug pfselftest
      restore-asking role save shutdown`,
  },
  {
    family: 'replication',
    why: 'it is spoken between servers',
    isServedByOne: false,
    commands: 'failover psync replconf replicaof slaveof sync',
  },
  {
    family: 'cluster',
    why: 'it belongs to a Redis Cluster',
    isServedByOne: false,
    commands: `asking clusterscan readonly readwrite sflush trimslots cluster|addslots cluster|addslotsrange cluster|bumpepoch
      cluster|cancelslotmigrations cluster|count-failure-reports cluster|countkeysinslot cluster|delslots cluster|delslotsrange
      cluster|failover cluster|flushslots cluster|forget cluster|getkeysinslot cluster|getslotmigrations cluster|help
      cluster|info cluster|keyslot cluster|links cluster|meet cluster|migrateslots cluster|migration cluster|myid
      cluster|myshardid cluster|nodes cluster|replicas cluster|replicate cluster|reset cluster|saveconfig
      cluster|set-config-epoch cluster|setslot cluster|shards cluster|slaves cluster|slot-stats cluster|slots`,
  },
];

/** The family of a command that has one. */
export const FAMILY_OF: ReadonlyMap<string, FamilyMembers> = new Map(
  MEMBERS.flatMap(members => members.commands.split(/\s+/).map(command => [command, members] as const)),
);

/** What a Redis that is not part of a cluster answers to every command of clusters. */
export const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled';

/** Where the time that a command may wait stands: the argument's index, negative from the end, and how long 1 of it is. */
export interface BlockingTimeout {
  readonly at: number;
  readonly unitMs: number;
}

/** Of the family `blocking`; 0 waits for ever. XREAD and XREADGROUP have it after their option BLOCK, in milliseconds. */
export const BLOCKING_TIMEOUTS: Readonly<Record<string, BlockingTimeout>> = {
  blmove: { at: 5, unitMs: 1000 },
  blmovem: { at: 5, unitMs: 1000 },
  blmpop: { at: 1, unitMs: 1000 },
  blpop: { at: -1, unitMs: 1000 },
  brpop: { at: -1, unitMs: 1000 },
  brpoplpush: { at: -1, unitMs: 1000 },
  bzmpop: { at: 1, unitMs: 1000 },
  bzpopmax: { at: -1, unitMs: 1000 },
  bzpopmin: { at: -1, unitMs: 1000 },
  wait: { at: 2, unitMs: 1 },
  waitaof: { at: 3, unitMs: 1 },
};

/** A stand-in for the key specification of a command that is only known by its first key, last key and step. */
export function specOfRange(firstKey: number, lastKey: number, keyStep: number, isRead: boolean): KeySpecRow {
  const last = lastKey < 0 ? lastKey : lastKey - firstKey;
  return [isRead ? 'RO access' : 'RW access update', firstKey, ['range', last, keyStep, 0]];
}
