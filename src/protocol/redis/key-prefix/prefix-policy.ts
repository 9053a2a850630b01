// What each command does under a key prefix. A command that stands nowhere here is refused there: whether its keys are where its
// key specifications say, and whether its reply names any, somebody has to have looked at.
import {
  type ReplyShape,
  SHAPE_ERROR,
  SHAPE_FIRST,
  SHAPE_NAMES,
  SHAPE_PAIRS,
  SHAPE_PLAIN,
  SHAPE_SCAN,
  SHAPE_STREAMS,
} from './reply-shape.ts';

/**
 * Which arguments are names:
 *
 * none       none
 * keys       the keys, as they are found for the route
 * sort       the keys, and the patterns of BY and GET
 * topics     all after the name: channels and patterns, those of key events too
 * channels   all after the name; of subcommands those after theirs
 * pattern    one, which is a glob pattern; it may be left out
 * scan       the pattern of MATCH
 * info       none, and of the reply the sections about all keys are left out
 * sweep      none: it is about all keys that have the prefix; see sweeps/
 */
export type NamePlaces = 'none' | 'keys' | 'sort' | 'topics' | 'channels' | 'pattern' | 'scan' | 'info' | 'sweep';

export interface PrefixRule {
  readonly names: NamePlaces;
  readonly reply: ReplyShape;
  /** Why it can't be had there; null: it can. */
  readonly why: string | null;
  /** Only where the pool allows scripts there. */
  readonly isScript: boolean;
}

const NOT_LOOKED_AT = 'what it does to keys under a key_prefix is not known';
export const ALL_KEYS = 'it concerns all keys, those without the key_prefix too';
export const OF_ALL_TENANTS = 'with a key_prefix it would concern what all who share the servers have in common';
const SCRIPTS_REFUSED =
  'a script may use keys without the key_prefix; the setting scripts_under_prefix can allow it all the same';

/** Their keys are found as for routing, and nothing in their replies is a name. */
const KEYED = `
  append bitcount bitfield bitfield_ro bitop bitpos copy decr decrby del dump exists expire expireat expiretime
  geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore
  get getbit getdel getex getrange getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield
  hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat lcs lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem
  lset ltrim memory|usage mget move mset msetnx object|encoding object|freq object|idletime object|refcount persist pexpire
  pexpireat pexpiretime pfadd pfcount pfmerge psetex pttl rename renamenx restore rpop rpoplpush rpush rpushx sadd scard
  sdiff sdiffstore set setbit setex setnx setrange sinter sintercard sinterstore sismember smembers smismember smove spop
  srandmember srem sscan strlen substr sunion sunionstore touch ttl type unlink watch xack xadd xdel xlen xrange
  xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmscore
  zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank
  zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore
  blmove brpoplpush
  publish spublish
  delex digest hexpire hexpireat hexpiretime hgetdel hgetex hpersist hpexpire hpexpireat hpexpiretime hpttl hsetex httl
  msetex xackdel xdelex
  vadd vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrange vrem vsetattr vsim
  bf.add bf.card bf.exists bf.info bf.insert bf.loadchunk bf.madd bf.mexists bf.reserve bf.scandump
  cf.add cf.addnx cf.count cf.del cf.exists cf.info cf.insert cf.insertnx cf.loadchunk cf.mexists cf.reserve cf.scandump
  cms.incrby cms.info cms.initbydim cms.initbyprob cms.merge cms.query
  json.arrappend json.arrindex json.arrinsert json.arrlen json.arrpop json.arrtrim json.clear json.del json.forget json.get
  json.merge json.mget json.mset json.numincrby json.nummultby json.objkeys json.objlen json.resp json.set json.strappend
  json.strlen json.toggle json.type
  tdigest.add tdigest.byrank tdigest.byrevrank tdigest.cdf tdigest.create tdigest.info tdigest.max tdigest.merge tdigest.min
  tdigest.quantile tdigest.rank tdigest.reset tdigest.revrank tdigest.trimmed_mean
  sdiffcard sunioncard
  ts.add ts.alter ts.create ts.createrule ts.decrby ts.del ts.deleterule ts.get ts.incrby ts.madd ts.range ts.revrange
  topk.add topk.count topk.incrby topk.info topk.list topk.query topk.reserve`;

/** Errors may name the key. */
const OF_GROUPS = `
  xautoclaim xclaim xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid
  xinfo|consumers xinfo|groups xinfo|stream xpending`;

/** Theirs have none, and nothing of others can be seen by them. */
const NAMELESS = `
  acl|cat acl|genpass acl|help acl|whoami auth client|caching client|getname client|getredir client|help client|id client|info client|kill
  client|list client|no-evict client|no-touch client|pause client|reply client|setinfo client|setname client|tracking
  client|trackinginfo client|unblock client|unpause command command|count command|docs command|getkeys
  command|getkeysandflags command|help command|info command|list config|get config|help discard echo exec function|help hello
  latency|help lolwut memory|help module|help module|list multi object|help ping pubsub|help quit reset script|help select
  slowlog|get slowlog|help slowlog|len slowlog|reset time unwatch wait waitaof xgroup|help xinfo|help
  asking readonly readwrite cluster|count-failure-reports cluster|help cluster|info cluster|keyslot cluster|links cluster|myid
  cluster|myshardid cluster|nodes cluster|replicas cluster|shards cluster|slaves cluster|slots`;

const SCRIPTS = 'eval eval_ro evalsha evalsha_ro fcall fcall_ro';

const rule = (names: NamePlaces, reply: ReplyShape = SHAPE_PLAIN): PrefixRule => ({
  names,
  reply,
  why: null,
  isScript: false,
});
const refused = (why: string): PrefixRule => ({ names: 'none', reply: SHAPE_PLAIN, why, isScript: false });
const script = (names: NamePlaces): PrefixRule => ({
  names,
  reply: SHAPE_ERROR,
  why: SCRIPTS_REFUSED,
  isScript: true,
});

const RULES: readonly (readonly [commands: string, rule: PrefixRule])[] = [
  [KEYED, rule('keys')],
  [OF_GROUPS, rule('keys', SHAPE_ERROR)],
  [NAMELESS, rule('none')],
  ['sort sort_ro', rule('sort')],
  ['blmpop blpop brpop bzmpop bzpopmax bzpopmin lmpop zmpop', rule('keys', SHAPE_FIRST)],
  ['xread xreadgroup', rule('keys', SHAPE_STREAMS)],
  ['keys', rule('pattern', SHAPE_NAMES)],
  ['scan', rule('scan', SHAPE_SCAN)],
  ['info', rule('info')],
  ['psubscribe punsubscribe subscribe unsubscribe', rule('topics')],
  ['ssubscribe sunsubscribe', rule('channels')],
  ['pubsub|channels pubsub|shardchannels', rule('pattern', SHAPE_NAMES)],
  ['pubsub|numsub pubsub|shardnumsub', rule('channels', SHAPE_PAIRS)],
  [SCRIPTS, script('keys')],
  ['script|exists script|load', script('none')],
  ['dbsize flushall flushdb randomkey', rule('sweep')],
  ['cluster|countkeysinslot cluster|getkeysinslot', refused(ALL_KEYS)],
  [
    `acl|dryrun acl|getuser acl|list acl|users function|delete function|dump function|flush function|kill function|list function|load function|restore function|stats pubsub|numpat
      script|flush script|kill script|show`,
    refused(OF_ALL_TENANTS),
  ],
];

const BY_NAME: ReadonlyMap<string, PrefixRule> = new Map(
  RULES.flatMap(([commands, of]) =>
    commands
      .trim()
      .split(/\s+/)
      .map(name => [name, of] as const),
  ),
);
const UNKNOWN = refused(NOT_LOOKED_AT);

/** Of the command of that name. */
export function prefixRuleOf(name: string): PrefixRule {
  return BY_NAME.get(name) ?? UNKNOWN;
}
