// A tenant that tries by every means to see or change what another has on the same servers, under prefixes of the pool and of users.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { portsOf } from '../support/cluster-pool.ts';
import { commandWords } from '../support/command-words.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\')}"`;
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const USERS = [
  'users:',
  ...['one', 'two'].map(
    name => `  ${name}: { pools: [pool], passwords: ['#${hashOf(name)}'], key_prefix: '${name}:' }`,
  ),
];
/** In what the other tenant has, and nobody else ever says it. */
const SECRET = 'unheard';

/** The other tenant's, of each kind: some names can be guessed, some can't. */
const DATA = ['', '-unheard'].flatMap(more => [
  `SET str-withheld${more} unheard`,
  `RPUSH list-withheld${more} 3 1 2 unheard`,
  `SADD set-withheld${more} 1 2 unheard`,
  `ZADD zset-withheld${more} 1 unheard 2 b`,
  `HSET hash-withheld${more} field-withheld unheard`,
  `XADD stream-withheld${more} 1-1 f unheard`,
  `XGROUP CREATE stream-withheld${more} group-withheld 0`,
  `XREADGROUP GROUP group-withheld unheard COUNT 1 STREAMS stream-withheld${more} >`,
  `GEOADD geo-withheld${more} 13 38 unheard`,
  `SET w_1-withheld${more} unheard`,
  `SET str${more} unheard`,
  `RPUSH list${more} unheard`,
  `SET {t}str${more} unheard`,
  `PFADD hll-withheld${more} unheard`,
]);

/** All by names that would be the other's, if anything of them were not looked at. */
const ATTACKS = [
  ...['two:', 'pool/two:', '../two:', '\0two:', ''].flatMap(other => [
    'DEL ids mine',
    'RPUSH ids 1 2 3',
    'GEOADD mygeo 13 38 here',
    `GET ${other}str-withheld`,
    `MGET ${other}str ${other}str-withheld str`,
    `EXISTS ${other}str-withheld`,
    `TYPE ${other}list-withheld`,
    `DUMP ${other}str-withheld`,
    `OBJECT ENCODING ${other}list-withheld`,
    `MEMORY USAGE ${other}list-withheld`,
    `LRANGE ${other}list-withheld 0 -1`,
    `SORT ${other}list-withheld BY nosort`,
    `SORT ids BY ${other}w_* GET ${other}w_*-withheld GET #`,
    `SORT ids GET ${other}hash-withheld->field-withheld`,
    `SORT_RO ids BY ${other}w_* GET ${other}w_*-withheld`,
    `SORT ids STORE ${other}list-withheld`,
    `SORT ids STORE BY GET ${other}w_* STORE ${other}list`,
    `SORT ${other}set-withheld ALPHA STORE mine`,
    `COPY ${other}str-withheld mine`,
    `COPY ids ${other}list-withheld REPLACE`,
    `RENAME ${other}str-withheld mine`,
    `RENAME ids ${other}list-withheld`,
    `MOVE ${other}str-withheld 1`,
    `BITOP OR mine ${other}str-withheld ${other}str`,
    `BITOP NOT ${other}str-withheld ids`,
    `SUNIONSTORE mine ${other}set-withheld`,
    `SUNIONSTORE ${other}set-withheld mine`,
    `SINTERCARD 2 ${other}set-withheld ${other}set-withheld`,
    `ZUNION 1 ${other}zset-withheld WITHSCORES`,
    `ZUNIONSTORE mine 1 ${other}zset-withheld`,
    `ZRANGESTORE mine ${other}zset-withheld 0 -1`,
    `GEORADIUS ${other}geo-withheld 13 38 100 km STORE mine`,
    `GEORADIUS mygeo 13 38 100 km STORE ${other}geo-withheld STOREDIST ${other}zset-withheld`,
    `GEOSEARCHSTORE mine ${other}geo-withheld FROMLONLAT 13 38 BYRADIUS 100 km`,
    `PFMERGE mine ${other}hll-withheld`,
    `PFCOUNT ${other}hll-withheld`,
    `LMPOP 2 ${other}list ${other}list-withheld LEFT`,
    `ZMPOP 1 ${other}zset-withheld MIN`,
    `BLPOP ${other}list-withheld 0.01`,
    `BLMPOP 0.01 1 ${other}list-withheld LEFT`,
    `BZPOPMIN ${other}zset-withheld 0.01`,
    `LMOVE ${other}list-withheld mine LEFT LEFT`,
    `XREAD COUNT 9 STREAMS ${other}stream-withheld 0`,
    `XREADGROUP GROUP group-withheld c STREAMS ${other}stream-withheld 0`,
    `XREADGROUP GROUP STREAMS STREAMS STREAMS ${other}stream-withheld >`,
    `XAUTOCLAIM ${other}stream-withheld group-withheld c 0 0`,
    `XINFO STREAM ${other}stream-withheld FULL`,
    `XINFO GROUPS ${other}stream-withheld`,
    `XPENDING ${other}stream-withheld group-withheld`,
    `XGROUP DESTROY ${other}stream-withheld group-withheld`,
    `LCS ${other}str-withheld ${other}str`,
    `GETDEL ${other}str-withheld`,
    `UNLINK ${other}str-withheld ${other}list-withheld`,
    `RESTORE ${other}str-withheld 0 x REPLACE`,
    `DEBUG OBJECT ${other}str-withheld`,
    `MIGRATE 127.0.0.1 1 ${other}str-withheld 0 10`,
    `MIGRATE 127.0.0.1 1 "" 0 10 KEYS ${other}str-withheld`,
    `EVAL "return redis.call('get', KEYS[1])" 1 ${other}str-withheld`,
    `EVAL "return redis.call('get', ARGV[1])" 0 ${other}str-withheld`,
    `EVAL_RO "return redis.call('keys', '*')" 0`,
    `FCALL f 1 ${other}str-withheld`,
    `WATCH ${other}str-withheld`,
    `KEYS ${other}*`,
    `SCAN 0 MATCH ${other}* COUNT 1000`,
    `PUBLISH ${other}news-withheld x`,
    `SPUBLISH ${other}news-withheld x`,
    `PUBSUB NUMSUB ${other}news-withheld`,
    `PUBSUB SHARDNUMSUB ${other}news-withheld`,
    `PUBSUB CHANNELS ${other}*`,
  ]),
  ...['*', '?*', '[a-z]*', '\\*', '*withheld*', '*two*', 'pool/*', '', '[^x]*', '{*', '*\\']
    .map(quoted)
    .flatMap(pattern => [
      `KEYS ${pattern}`,
      `SCAN 0 MATCH ${pattern} COUNT 100000`,
      `SCAN 0 COUNT 100000 MATCH mine* MATCH ${pattern}`,
      `PUBSUB CHANNELS ${pattern}`,
      `PUBSUB SHARDCHANNELS ${pattern}`,
      `CONFIG GET ${pattern}`,
    ]),
  'SCAN 0 COUNT 100000',
  'SCAN 0 TYPE list',
  'PUBSUB CHANNELS',
  'PUBSUB NUMPAT',
  'RANDOMKEY',
  'DBSIZE',
  'FLUSHDB',
  'FLUSHALL',
  'SWAPDB 0 1',
  'CLIENT LIST',
  'CLIENT INFO',
  'CLIENT KILL TYPE normal SKIPME yes',
  'CLIENT KILL USER two',
  'CLIENT UNBLOCK 1',
  'CLIENT TRACKING ON BCAST PREFIX two: PREFIX ""',
  'CLIENT TRACKING ON REDIRECT 1',
  'CLIENT CACHING YES',
  'CLIENT PAUSE 100000',
  'CLIENT NO-EVICT ON',
  'MONITOR',
  'SLOWLOG GET -1',
  'LATENCY HISTOGRAM',
  'MEMORY DOCTOR',
  'MEMORY STATS',
  'INFO',
  'INFO ALL',
  'INFO EVERYTHING keyspace commandstats',
  'INFO keyspace',
  'INFO errorstats',
  'ACL LIST',
  'ACL USERS',
  'ACL GETUSER two',
  'ACL LOG',
  'ACL WHOAMI',
  'ACL SETUSER one ~*',
  'CONFIG SET notify-keyspace-events KEA',
  'CONFIG RESETSTAT',
  'DEBUG JMAP',
  'DEBUG RELOAD',
  'FUNCTION LIST WITHCODE',
  'FUNCTION DUMP',
  'FUNCTION FLUSH',
  'SCRIPT FLUSH',
  "SCRIPT LOAD \"return redis.call('keys', '*')\"",
  'MODULE LIST',
  'CLUSTER GETKEYSINSLOT 0 100',
  'CLUSTER COUNTKEYSINSLOT 0',
  'CLUSTER SLOTS',
  'CLUSTER NODES',
  'REPLICAOF 127.0.0.1 1',
  'SYNC',
  'PSYNC ? -1',
  'SAVE',
  'BGREWRITEAOF',
  'SHUTDOWN NOSAVE',
  'FAILOVER',
  'LASTSAVE',
  'ROLE',
  'WAIT 0 1',
  'COMMAND GETKEYS GET two:str-withheld',
  'READONLY',
  'ASKING',
  'LOLWUT',
];
const PATTERNS = [
  ...['*', '?*', '_*', '__*', '[_]*', '\\_*', '__key*__:*', '__keyspace@*', '__keyspace@0__:*', '__keyspace@*__:*'],
  ...[
    '__keyspace@0__:pool/two:*',
    '__keyspace@0__:*withheld*',
    '__keyspace@?__:[^x]*',
    '__keyevent@*',
    '__keyevent@0__:*',
  ],
  ...['__key?vent@0__:*', '__k*', '*withheld*', 'two:*', 'pool/two:*', '__keyspace@0__:../two:*', '*__:*'],
];
const CHANNELS = [
  ...['news-withheld', 'two:news-withheld', 'pool/two:news-withheld', '__keyevent@0__:set', '__keyevent@0__:del'],
  ...['__keyspace@0__:str-withheld', '__keyspace@0__:pool/two:str-withheld', '__keyspace@0__:two:str-withheld'],
];

async function ask(client: RawClient, line: string): Promise<string> {
  client.send(encodeCommand(...commandWords(line)));
  return (await client.readReply()).toString('latin1');
}

async function signedIn(t: TestContext, port: number, name: string): Promise<RawClient> {
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  assert.equal(await client.command('AUTH', name, name), 'OK');
  return client;
}

/** All that the other tenant has, as it sees it. */
async function seenBy(client: RawClient): Promise<string> {
  const names = ((await client.command('KEYS', '*')) as Buffer[]).map(String).sort();
  const dumps: string[] = [];
  for (const name of names) dumps.push(hashOf(String(await client.command('DUMP', name))));
  return JSON.stringify(names.map((name, i) => [name, dumps[i]]));
}

interface Place {
  readonly what: string;
  start(t: TestContext): Promise<number>;
}

const settings = ["key_prefix: 'pool/'", 'slowlog_threshold: 0ms', 'databases: 2'];
const EVENTS = ['--notify-keyspace-events', 'KEA', '--enable-debug-command', 'yes'];

async function redisPorts(t: TestContext, count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis({ args: EVENTS })));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  return servers.map(({ port }) => port);
}

const PLACES: readonly Place[] = [
  {
    what: 'one server',
    start: async t => {
      const pool = { protocol: 'redis', servers: await redisPorts(t, 1), settings } as const;
      const daemon = await startDaemon(t, { pool }, { settings: USERS });
      return daemon.port('pool');
    },
  },
  {
    what: 'three servers, wrong answers allowed',
    start: async t => {
      const lines = [...settings, 'cross_server: first_key', 'keyless_scripts: any', "hash_tag: '{}'"];
      const pool = { protocol: 'redis', servers: await redisPorts(t, 3), settings: lines } as const;
      const daemon = await startDaemon(t, { pool }, { settings: USERS });
      return daemon.port('pool');
    },
  },
  {
    what: 'a pool that presents itself as a cluster',
    start: async t => {
      const lines = [...settings.slice(0, 2), 'present_as: cluster'];
      const pool = { protocol: 'redis', servers: await redisPorts(t, 1), settings: lines } as const;
      const daemon = await startDaemon(t, { pool }, { settings: USERS });
      return daemon.port('pool');
    },
  },
  {
    what: 'a port of several pools',
    start: async t => {
      const pool = { protocol: 'redis', servers: await redisPorts(t, 2), settings } as const;
      const front = { protocol: 'redis', servers: [], settings: ['pool_by: user'] } as const;
      const daemon = await startDaemon(t, { pool, front }, { settings: USERS });
      return daemon.port('front');
    },
  },
  {
    what: 'a cluster',
    start: async t => {
      const cluster = await startCluster({ primaries: 2, args: EVENTS });
      t.after(() => cluster.stop());
      const seeds = `cluster: { seeds: [${portsOf(cluster).map(port => `"127.0.0.1:${port}"`)}] }`;
      const lines = [...settings.slice(0, 2), seeds, 'present_as: cluster'];
      const pool = { protocol: 'redis', servers: [], settings: lines } as const;
      const daemon = await startDaemon(t, { pool }, { settings: USERS });
      return daemon.port('pool');
    },
  },
];

/** Nothing of the other tenant, nor what its own names begin with. */
function assertKnowsNothing(line: string, reply: string): void {
  assert.doesNotMatch(reply, /unheard|user=two|pool\/one/, `${JSON.stringify(line)}: ${reply.slice(0, 2000)}`);
}

for (const { what, start } of PLACES) {
  test(`${what}: nothing of another tenant is seen or changed, by any request`, async t => {
    const port = await start(t);
    const [attacker, victim] = await Promise.all([signedIn(t, port, 'one'), signedIn(t, port, 'two')]);
    await victim.command('CLIENT', 'SETNAME', 'client-unheard');
    for (const line of DATA) assert.notEqual((await ask(victim, line))[0], '-', line);
    const before = await seenBy(victim);
    const listener = await signedIn(t, port, 'two');
    await listener.command('HELLO', 3);
    for (const command of ['SUBSCRIBE', 'SSUBSCRIBE']) await ask(listener, `${command} news-withheld`);
    await ask(listener, 'PSUBSCRIBE *withheld*');
    await ask(listener, 'SUBSCRIBE channel-unheard');
    for (const line of ATTACKS) assertKnowsNothing(line, await ask(attacker, line));
    assert.equal(await attacker.command('PING'), 'PONG');
    // Who came before may be killed by the same user.
    const inside = await signedIn(t, port, 'one');
    await inside.command('HELLO', 3);
    for (const line of ATTACKS) {
      inside.send(Buffer.concat([encodeCommand('MULTI'), encodeCommand(...commandWords(line)), encodeCommand('EXEC')]));
      for (const reply of await inside.readReplies(3)) assertKnowsNothing(line, reply.toString('latin1'));
    }
    assert.equal(await inside.command('PING'), 'PONG');
    assert.equal(await seenBy(victim), before);
    assert.ok(((await victim.command('PUBLISH', 'news-withheld', 'last')) as number) > 0);
    assert.match(String(await listener.readReply()), /\r\nlast\r\n$/);
  });

  for (const version of [2, 3]) {
    test(`${what}, RESP${version}: nothing of another tenant is heard`, async t => {
      const port = await start(t);
      const [attacker, own, victim] = await Promise.all([
        signedIn(t, port, 'one'),
        signedIn(t, port, 'one'),
        signedIn(t, port, 'two'),
      ]);
      if (version === 3) await attacker.command('HELLO', 3);
      let subscriptions = 0;
      const subscribe = async (command: string, name: string) => {
        const reply = await ask(attacker, `${command} ${quoted(name)}`);
        if (reply[0] === '-') assert.match(reply, /^-ERR under a key_prefix /);
        else subscriptions++;
      };
      for (const pattern of PATTERNS) await subscribe('PSUBSCRIBE', pattern);
      for (const channel of CHANNELS) await subscribe('SUBSCRIBE', channel);
      for (const channel of CHANNELS) await subscribe('SSUBSCRIBE', channel);
      assert.ok(subscriptions > 30);
      for (const line of DATA) assert.notEqual((await ask(victim, line))[0], '-', line);
      for (const command of ['PUBLISH', 'SPUBLISH']) await victim.command(command, 'news-withheld', SECRET);
      await victim.command('PUBLISH', '__keyspace@0__:str-withheld', SECRET);
      await victim.command('FLUSHDB');
      await own.command('SET', 'last', 'v');
      assert.ok(((await own.command('PUBLISH', 'last', 'done')) as number) > 0);
      let last = '';
      let count = 0;
      while (!last.endsWith('\r\ndone\r\n')) {
        last = String(await attacker.readReply());
        count++;
        assertKnowsNothing('heard', last);
      }
      assert.ok(count > 1);
    });
  }
}
