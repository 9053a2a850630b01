// Random streams of Redis commands. A command is written as a template in which words of one letter are drawn:
//
//   keys    s string  n number  h hash  l list  t set  z sorted set  g geo  p HyperLogLog  y stream  k any of these
//           o sorted set of equal scores: only then is it defined what a lexical range is
//           x set, q hash, w sorted set of one member: for commands that answer a random one
//   others  v value  m member or field  i small integer  f float  c score bound  e lexical bound
//   *       behind a letter: one to four of them
//
// All keys of a command carry one tag, so that a pool with hash_tag "{}" has them on one server; commands that proxies
// split take any tags. Now and then a key of another type is drawn.
import { createHash } from 'node:crypto';
import { encodeCommand } from './resp-reader.ts';
import type { SeededRandom } from './seeded-random.ts';
import { randomValue, type WireCommand } from './wire-streams.ts';

const templates = (text: string): readonly string[] =>
  text
    .split(/[|\n]/)
    .map(line => line.trim())
    .filter(line => line !== '');

/** As nutcracker takes them. */
const PLAIN = templates(`
  COPY s s | COPY h h REPLACE | DEL k* | DUMP k | EXISTS k | EXPIRE k 1000 | EXPIRE k 0 | EXPIREAT k 4102444800
  PERSIST k | PEXPIRE k 1000000 | PEXPIREAT k 4102444800000 | PTTL k | RESTORE s 0 v | RESTORE s 0 DUMPED REPLACE
  SORT l ALPHA LIMIT i i | SORT t ALPHA DESC | SORT l | SORT t ALPHA STORE l | TOUCH k* | TTL k | TYPE k | UNLINK k*

  APPEND s v | BITCOUNT s | BITCOUNT s i i | BITFIELD s GET u8 i | BITFIELD s SET i5 #1 i | BITPOS s 1 | BITPOS s 0 i i
  DECR n | DECRBY n i | GET s | GET k | GETBIT s i | GETDEL s | GETEX s | GETEX s EX 1000 | GETEX s PERSIST
  GETRANGE s i i | GETSET s v | INCR n | INCRBY n v | INCRBYFLOAT n f | MGET k* | MGET s* | MSET s v s v s v | MSET n v
  PSETEX s 1000000 v | SET s v | SET n v | SET n i | SET s v NX | SET s v XX GET | SET s v EX 1000 | SET s v KEEPTTL
  SET s v BOGUS | SETBIT s i 1 | SETBIT s i i | SETEX s 1000 v | SETEX s 0 v | SETNX s v | SETRANGE s i v | STRLEN s

  HDEL h m* | HEXISTS h m | HGET h m | HGETALL h | HINCRBY h m i | HINCRBYFLOAT h m f | HKEYS h | HLEN h | HMGET h m*
  HMSET h m v | HMSET h m v m v | HSET q m1 v | HRANDFIELD q | HRANDFIELD q 2 WITHVALUES | HSCAN h 0 COUNT 1000
  HSCAN h 0 MATCH a* COUNT 1000 | HSET h m v | HSET h m v m v | HSET h m v m | HSETNX h m v | HSTRLEN h m | HVALS h

  LINDEX l i | LINSERT l BEFORE m v | LINSERT l NEAR m v | LLEN l | LMOVE l l LEFT RIGHT | LPOP l | LPOP l i | LPOS l m
  LPOS l m RANK -1 COUNT 0 | LPUSH l m* | LPUSHX l v | LRANGE l 0 -1 | LRANGE l i i | LREM l i m | LSET l i v
  LTRIM l i i | RPOP l | RPOP l i | RPOPLPUSH l l | RPUSH l m* | RPUSH l v | RPUSHX l v

  SADD t m* | SADD t m | SCARD t | SDIFF t* | SDIFFSTORE t t* | SINTER t* | SINTERSTORE t t* | SISMEMBER t m | SMEMBERS t
  SMISMEMBER t m* | SMOVE t t m | SADD x m1 | SPOP x | SPOP x 1 | SRANDMEMBER x | SRANDMEMBER x 3 | SREM t m*
  SSCAN t 0 COUNT 1000 | SUNION t* | SUNIONSTORE t t*

  ZADD z f m | ZADD z f m f m | ZADD z NX CH f m | ZADD z INCR f m | ZADD z m f | ZADD w f m1 | ZADD o 0 m | ZADD o 0 m 0 m | ZCARD z | ZCOUNT z c c
  ZDIFF 2 z z | ZDIFF 1 z WITHSCORES | ZDIFFSTORE z 2 z z | ZINCRBY z f m | ZINTER 2 z t | ZINTERSTORE z 2 z z WEIGHTS f i
  ZLEXCOUNT o e e | ZMSCORE z m* | ZPOPMAX z | ZPOPMIN z i | ZRANDMEMBER w | ZRANDMEMBER w 2 WITHSCORES | ZRANGE z i i
  ZRANGE z i i WITHSCORES | ZRANGE z c c BYSCORE LIMIT 0 i | ZRANGEBYLEX o e e | ZRANGEBYLEX o e e LIMIT i i
  ZRANGEBYSCORE z c c | ZRANGEBYSCORE z c c WITHSCORES LIMIT i i | ZRANGESTORE z z i i | ZRANK z m | ZREM z m*
  ZREMRANGEBYLEX o e e | ZREMRANGEBYRANK z i i | ZREMRANGEBYSCORE z c c | ZREVRANGE z i i | ZREVRANGEBYLEX o e e
  ZREVRANGEBYSCORE z c c | ZREVRANK z m | ZSCAN z 0 COUNT 1000 | ZSCORE z m | ZUNION 2 z z WITHSCORES
  ZUNIONSTORE z 2 z t AGGREGATE MAX

  PFADD p v* | PFCOUNT p | PFCOUNT p p | PFMERGE p p p | GEOADD g 13.361389 38.115556 m | GEOADD g f f m
  GEODIST g m m km | GEOHASH g m* | GEOPOS g m* | GEORADIUS g 15 37 200 km ASC | GEORADIUSBYMEMBER g m 100 km
  GEORADIUS g 15 37 200 km STORE g | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 300 km ASC WITHDIST
  GEOSEARCHSTORE g g FROMMEMBER m BYBOX 400 400 km ASC
  EVAL ARGUMENTS 1 s v | eVaL ARGUMENTS 2 s s v v | EVAL INCR 1 n | EVAL FAIL 1 s | EVALSHA LOADED 1 s v
  EVALSHA 0123456789012345678901234567890123456789 1 n | PING | get s | Set s v | LOLWUT
`);

/** What nutcracker closes the connection at, or may. */
const ODD = templates(`
  EXPIRE k 1000 NX | PING v | EXISTS k* | MSET s v s | MSET s | SORT l LIMIT | SORT l STORE | EVAL ARGUMENTS 0
  EVAL ARGUMENTS 0 v | EVAL ARGUMENTS 3 s | EVAL ARGUMENTS -1 s | EVAL ARGUMENTS m s | ZUNIONSTORE z 5 z z
  ZUNIONSTORE z 0 z | ZUNIONSTORE z m z | ZINTER 3 z z | ZUNION 0 | AUTH v | AUTH default v | AUTH v v | AUTH v v v

  RENAME s s | RENAMENX s s | BITOP XOR s s s | MSETNX s v s v | SINTERCARD 2 t t | ZINTERCARD 1 z | LMPOP 1 l LEFT
  ZMPOP 2 z z MIN | EXPIRETIME k | OBJECT ENCODING s | OBJECT HELP | OBJECT BOGUS s | XLEN y | XADD y 1-1 a b
  XRANGE y - + | XREAD STREAMS y 0 | XREAD STREAMS y | SUBSTR s i i | SORT_RO l ALPHA | EVAL_RO ARGUMENTS 1 s v
  BITFIELD_RO s GET u8 0 | GEORADIUS_RO g 15 37 200 km | LCS s s | DBSIZE | SCRIPT EXISTS LOADED | SCRIPT BOGUS
  FCALL nothing 1 s | FUNCTION LIST | ECHO v | SELECT 0 | SELECT one | FOO | FOO v | foo s v v | v | v v | CLIENT
  CLIENT BOGUS | CLIENT SETNAME abc | CLIENT GETNAME | CLUSTER INFO | CLUSTER SLOTS | READONLY | ASKING
  COMMAND GETKEYS GET a | COMMAND BOGUS | CONFIG | HELLO one | HELLO 4 | ACL WHOAMI
`);

/** The proxy answers for itself. */
const LOCAL = templates(`
  HELLO | HELLO 2 | INFO | INFO server | COMMAND COUNT | CLIENT ID | CLIENT LIST | TIME | CONFIG GET databases | COMMAND
`);
/** … and the server by itself must not hear of it. */
const LOCAL_ALONE = templates('SELECT 3 | SLOWLOG GET | SLOWLOG LEN | ACL LIST');

/** Not to be had through a proxy. */
const REFUSED = templates(`
  SHUTDOWN NOSAVE | CONFIG SET maxmemory 0 | MONITOR | REPLICAOF NO ONE | SAVE | BGSAVE | ACL SAVE | DEBUG SLEEP 0
`);

/** With keys of different tags; they only read, so that a wrong answer leaves no trace. */
const CROSS = templates(`
  SINTER t t | SDIFF t t t | SUNION t t | ZDIFF 2 z z | ZINTER 2 z z | ZUNION 2 z t | EVAL ARGUMENTS 2 s s
`);

const INLINE = templates(String.raw`
  PING | ping hello | GET {a}s1 |   SET {a}s1  "a b\x41" | SET {bb}s1 'x y' | FOO bar | GET | ECHO ""
`);

const SCRIPTS: Readonly<Record<string, string>> = {
  ARGUMENTS: 'return {#KEYS, KEYS[1] or false, ARGV}',
  INCR: "return redis.call('incr', KEYS[1])",
  FAIL: "return redis.call('lpush', KEYS[1])",
};

/** To be loaded into every server before. */
export const LOADED_SCRIPT = "return redis.call('append', KEYS[1], ARGV[1])";
const LITERALS: Readonly<Record<string, string | Buffer>> = {
  ...SCRIPTS,
  LOADED: createHash('sha1').update(LOADED_SCRIPT).digest('hex'),
  // What DUMP says of the string "hi".
  DUMPED: Buffer.from('000268690a00af6b9fe88e311b14', 'hex'),
};

const TAGS = ['{a}', '{bb}', '{tag3}', '{é}', '{user:1}'];
const TYPED = [...'snhltzgpy'];
const MEMBERS = ['m1', 'm2', 'a', 'b', '5', '12', '3.5', '', 'é', 'x'.repeat(70)];
const SPLIT = new Set(['del', 'exists', 'mget', 'mset', 'touch', 'unlink']);
const NAMES = [...new Set(PLAIN.map(template => template.split(' ')[0]!.toUpperCase()))];
/** With any arguments, these could answer by chance, or set a time to live that ends during the test. */
const NEVER_ODD = new Set(
  'SPOP SRANDMEMBER HRANDFIELD ZRANDMEMBER LOLWUT COMMAND EXPIRE PEXPIRE SETEX PSETEX'.split(' '),
);

/** Commands that show every difference there is, whatever the seed. */
export function certainRedisStream(): readonly WireCommand[] {
  const keys = TAGS.flatMap(tag => [`${tag}certain1`, `${tag}certain2`]);
  return [
    command(encodeCommand('MSET', ...keys.flatMap(key => [key, 'v'])), 'mset', true),
    ...TAGS.map(tag => command(encodeCommand('ZADD', `${tag}certain3`, '1', 'm'), 'zadd', true)),
    ...[
      ['EXISTS', ...keys],
      ['LCS', ...keys.slice(0, 2)],
      ['SINTER', ...keys],
      ...TAGS.map(tag => ['ZDIFF', '1', `${tag}certain3`]),
      ['AUTH', 'secret'],
      ['INFO'],
      ['PING', 'hello'],
    ].map(words => command(encodeCommand(...words), words[0]!, false)),
    { ...command(encodeCommand('MONITOR'), 'monitor', false), isForProxiesOnly: true },
  ];
}

/** `count` random commands. */
export function redisStream(random: SeededRandom, count: number): readonly WireCommand[] {
  return Array.from({ length: count }, () => randomCommand(random));
}

function randomCommand(random: SeededRandom): WireCommand {
  const kind = random.between(0, 99);
  if (kind < 80) return fromTemplate(random, random.pick(PLAIN), true);
  if (kind < 88) return fromTemplate(random, random.pick(ODD), false);
  if (kind < 94) return withAnyArguments(random);
  if (kind < 96) return fromTemplate(random, random.pick(CROSS), false, true);
  if (kind < 97) return fromTemplate(random, random.pick(LOCAL), false);
  if (kind < 98) return { ...fromTemplate(random, random.pick(REFUSED), false), isForProxiesOnly: true };
  if (kind < 99) return { ...fromTemplate(random, random.pick(LOCAL_ALONE), false), isForProxiesOnly: true };
  const line = random.pick(INLINE);
  return command(Buffer.from(`${line}${random.pick(['\r\n', '\n'])}`), line.split(' ')[0]!, false);
}

function fromTemplate(random: SeededRandom, template: string, isPlain: boolean, isCross = false): WireCommand {
  const [name, ...words] = template.split(' ') as [string, ...string[]];
  const tag = isCross || SPLIT.has(name.toLowerCase()) ? null : random.pick(TAGS);
  const draw = (word: string) => drawn(random, word, tag);
  const args = words.flatMap(word =>
    /^[a-z]\*$/.test(word) && word !== 'a*'
      ? Array.from({ length: random.between(1, 4) }, () => draw(word[0]!))
      : [draw(word)],
  );
  return command(
    encodeCommand(name.length === 1 ? random.bytes(random.between(0, 200)) : name, ...args),
    name,
    isPlain,
  );
}

/** A command of the table with arguments of any number; all carry the tag, whichever of them are keys. */
function withAnyArguments(random: SeededRandom): WireCommand {
  const tag = random.pick(TAGS);
  const name = random.pick(NAMES.filter(each => !NEVER_ODD.has(each)));
  const args = Array.from({ length: random.between(0, 5) }, () => drawn(random, 'k', tag));
  return command(encodeCommand(name, ...args), name, false);
}

function command(bytes: Buffer, name: string, isPlain: boolean): WireCommand {
  return { bytes, name: name.toLowerCase(), isPlain, isForProxiesOnly: false };
}

/** What stands for a word of a template; `tag`: that of all keys, null for any. */
function drawn(random: SeededRandom, word: string, tag: string | null): string | Buffer {
  if (word.length > 1) return LITERALS[word] ?? word;
  switch (word) {
    case 'v':
      return randomValue(random);
    case 'm':
      return random.pick(MEMBERS);
    case 'i':
      return String(random.between(-3, 9));
    case 'f':
      return random.pick(['0', '1', '-2.5', '3e2', 'inf', '1.0000001', 'x']);
    case 'c':
      return random.pick(['-inf', '+inf', '(1', '3', '(x', '-2.5']);
    case 'e':
      return random.pick(['-', '+', '[a', '(b', '[m1', 'x']);
    case 'k':
      return key(random, random.pick(TYPED), tag);
    case 'x':
    case 'q':
    case 'w':
    case 'o':
      return key(random, word, tag);
    default:
      if (!TYPED.includes(word)) return word;
      return key(random, random.chance(0.07) ? random.pick(TYPED) : word, tag);
  }
}

function key(random: SeededRandom, type: string, tag: string | null): Buffer {
  const name = `${tag ?? random.pick(TAGS)}${type}${random.between(1, 2)}`;
  // The second of each is no text.
  return name.endsWith('1')
    ? Buffer.from(name)
    : Buffer.concat([Buffer.from(name), Buffer.from([0, 255, 13, 10, 128])]);
}
