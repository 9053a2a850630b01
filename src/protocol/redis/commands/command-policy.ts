// What Ringmaster does with each Redis command. Key positions and arities are COMMAND's (command-data.ts); this file is
// what COMMAND does not say. A command with keys that stands in none of these lists, nor in command-families.ts, is forwarded
// by its keys; one without keys is refused.
/** How the replies of several servers become one; see coalescers.ts. */
export type MergeKind =
  | 'values'
  | 'sum'
  | 'same'
  | 'all_true'
  | 'first'
  | 'keys'
  | 'one_of'
  | 'info'
  | 'config'
  | 'libraries'
  | 'function_stats'
  | 'one_succeeded';

/** Finders of keys for commands whose key specifications say too little; see key-finder.ts. */
export type Finder = 'one_key' | 'channel' | 'streams' | 'sort' | 'geo_store';

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
  'config|get': 'config',
  dbsize: 'sum',
  'function|delete': 'same',
  'function|flush': 'same',
  'function|list': 'libraries',
  'function|load': 'same',
  'function|restore': 'same',
  info: 'info',
  keys: 'keys',
  randomkey: 'one_of',
  'script|exists': 'all_true',
  'script|flush': 'same',
  'script|load': 'same',
};

/** Sent to every server, and failing where one is out of the ring: what it has would be there again when it comes back. */
export const TO_EVERY: Readonly<Record<string, MergeKind>> = { flushall: 'same', flushdb: 'same' };

/** What a server answers while it runs a script, which holds up the connection that the script came on: not by that one. */
export const ASIDE: Readonly<Record<string, MergeKind>> = {
  'function|kill': 'one_succeeded',
  'function|stats': 'function_stats',
  'script|kill': 'one_succeeded',
};

/** Every server answers these alike. */
export const TO_ANY: readonly string[] = [
  'acl|help',
  'client|help',
  'command|help',
  'config|help',
  'function|dump',
  'function|help',
  'latency|help',
  'lolwut',
  'memory|help',
  'module|help',
  'object|help',
  'pubsub|help',
  'script|help',
  'script|show',
  'slowlog|help',
  'xgroup|help',
  'xinfo|help',
];

/** Where the keys are is for Redis's own functions to say, not for key specifications. */
export const FINDERS: Readonly<Record<string, Finder>> = {
  georadius: 'geo_store',
  georadiusbymember: 'geo_store',
  publish: 'channel',
  sort: 'sort',
  sort_ro: 'one_key',
  xread: 'streams',
  xreadgroup: 'streams',
};

/** Where commands have a script's text or its digest, or the name of a function or library; 1 also where none need be. */
export const SCRIPT_PLACES: Readonly<Record<string, number>> = {
  eval: 1,
  eval_ro: 1,
  evalsha: 1,
  evalsha_ro: 1,
  fcall: 1,
  fcall_ro: 1,
  'function|delete': 2,
  'function|flush': 1,
  'function|load': 2,
  'function|restore': 2,
  'script|flush': 1,
  'script|load': 2,
};

/** They may have no keys; a pool of several servers then goes by `keyless_scripts`. */
export const SCRIPTS: readonly string[] = ['eval', 'eval_ro', 'evalsha', 'evalsha_ro', 'fcall', 'fcall_ro'];

/** Answered by Ringmaster; local-commands.ts has how. */
export const LOCAL: readonly string[] = [
  'acl|cat',
  'acl|dryrun',
  'acl|genpass',
  'acl|getuser',
  'acl|list',
  'acl|users',
  'acl|whoami',
  'auth',
  'client|caching',
  'client|getname',
  'client|getredir',
  'client|id',
  'client|info',
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
  'command|getkeysandflags',
  'command|info',
  'command|list',
  'echo',
  'hello',
  'module|list',
  'ping',
  'quit',
  'reset',
  'select',
  'slowlog|get',
  'slowlog|len',
  'slowlog|reset',
  'time',
];

/** Of these, what any server answers with the same bytes: a request that is too large for Ringmaster goes to one. */
export const ANSWERED_ALIKE: readonly string[] = ['echo', 'ping'];

/** Answered by Ringmaster where a pool presents itself as a cluster; presented-cluster.ts has how. Elsewhere refused. */
export const IN_PRESENTED_CLUSTER: readonly string[] = [
  'asking',
  'readonly',
  'readwrite',
  'cluster|count-failure-reports',
  'cluster|help',
  'cluster|info',
  'cluster|keyslot',
  'cluster|links',
  'cluster|myid',
  'cluster|myshardid',
  'cluster|nodes',
  'cluster|replicas',
  'cluster|shards',
  'cluster|slaves',
  'cluster|slots',
];

/** There, what is asked of the owner of the slot that argument 2 names. */
export const OF_SLOT: readonly string[] = ['cluster|countkeysinslot', 'cluster|getkeysinslot'];

/** They may write, though not to keys that they name, or only for the server itself: CLIENT PAUSE … WRITE holds them up, too. */
export const MAY_REPLICATE: readonly string[] = ['eval', 'evalsha', 'fcall', 'pfcount', 'publish', 'spublish'];

/** Let through before AUTH. */
export const BEFORE_AUTH: readonly string[] = ['auth', 'hello', 'quit', 'reset'];

/** The words of a refusal; `command` is a name of the table. */
export function refusalText(command: string, why: string): string {
  return `ERR '${command}' cannot be used through Ringmaster: ${why}`;
}
