import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalCommands } from '../../../../../src/protocol/redis/answers/local-commands.ts';
import { KEYS_BY_ARGUMENTS, KEYS_NONE } from '../../../../../src/protocol/redis/commands/command.ts';
import { FAMILY_OF } from '../../../../../src/protocol/redis/commands/command-families.ts';
import * as policy from '../../../../../src/protocol/redis/commands/command-policy.ts';
import { PoolCommands } from '../../../../../src/protocol/redis/commands/command-rules.ts';
import { COMMAND_INDEX, COMMANDS } from '../../../../../src/protocol/redis/commands/command-table.ts';
import { RequestArgs } from '../../../../../src/protocol/redis/request-args.ts';
import { RedisSession } from '../../../../../src/protocol/redis/session.ts';
import { ROUTE_LOCAL, ROUTE_PRIVATE, ROUTE_SAME_SERVER } from '../../../../../src/protocol/routes.ts';

/** The Redis commands that a user of twemproxy 0.5 has. */
const TWEMPROXY =
  `COPY DEL DUMP EXISTS EXPIRE EXPIREAT PERSIST PEXPIRE PEXPIREAT PTTL RESTORE SORT TOUCH TTL TYPE UNLINK
  APPEND BITCOUNT BITFIELD BITPOS DECR DECRBY GET GETBIT GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT
  MGET MSET PSETEX SET SETBIT SETEX SETNX SETRANGE STRLEN
  HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS
  LINDEX LINSERT LLEN LMOVE LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM RPOP RPOPLPUSH RPUSH RPUSHX
  SADD SCARD SDIFF SDIFFSTORE SINTER SINTERSTORE SISMEMBER SMEMBERS SMISMEMBER SMOVE SPOP SRANDMEMBER SREM SSCAN SUNION
  SUNIONSTORE ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY ZINTER ZINTERSTORE ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER
  ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE
  ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION ZUNIONSTORE
  PFADD PFCOUNT PFMERGE GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEOSEARCH GEOSEARCHSTORE
  EVAL EVALSHA PING QUIT AUTH COMMAND LOLWUT`.split(/\s+/);

function find(name: string) {
  const bytes = Buffer.from(`<${name}>`);
  return COMMAND_INDEX.find(bytes, 1, bytes.length - 1);
}

test('every command is found by its name in any case, and nothing else is', () => {
  for (const { name } of COMMANDS.filter(command => !command.name.includes('|'))) {
    const mixed = Array.from(name, (char, i) => (i % 2 === 0 ? char.toUpperCase() : char)).join('');
    for (const spelling of [name, name.toUpperCase(), mixed]) assert.equal(find(spelling)?.name, name);
    for (const other of [`${name}x`, name.slice(1), `${name}\0`, name.replace(/.$/, '\x01')]) {
      assert.ok(find(other)?.name !== name, other);
    }
  }
  // Bytes that setting the case bit would make equal.
  assert.equal(find('restore\rasking'), null);
  assert.equal(find(''), null);
  assert.equal(find('g'.repeat(1000)), null);
});

test('whatever twemproxy serves is served', () => {
  for (const name of TWEMPROXY) assert.equal(find(name)?.refusal, null, name);
});

test('every list of the policy names commands that exist', () => {
  const names = new Set(COMMANDS.map(command => command.name));
  const listed = [
    ...Object.keys(policy.SPLIT),
    ...Object.keys(policy.TO_ALL),
    ...Object.keys(policy.ASIDE),
    ...Object.keys(policy.FINDERS),
    ...policy.SCRIPTS,
    ...policy.TO_ANY,
    ...policy.LOCAL,
    ...policy.BEFORE_AUTH,
    ...FAMILY_OF.keys(),
  ];
  assert.deepEqual(
    listed.filter(name => !names.has(name)),
    [],
  );
});

test('every command has exactly one policy: its keys, or one of the lists', () => {
  for (const command of COMMANDS) {
    const { name } = command;
    const lists = [
      name in policy.SPLIT,
      name in policy.TO_ALL,
      name in policy.TO_EVERY,
      name in policy.ASIDE,
      policy.TO_ANY.includes(name),
      policy.LOCAL.includes(name),
      FAMILY_OF.has(name),
    ].filter(Boolean).length;
    // A container without a subcommand never passes the arity check.
    const isContainer = command.subcommandList.length > 0 && command.arity < -1;
    assert.equal(lists + (isContainer || (lists === 0 && command.keys !== KEYS_NONE) ? 1 : 0), 1, name);
  }
});

test('a command whose keys COMMAND calls movable has them described', () => {
  for (const command of COMMANDS) {
    if (!command.flags.includes('movablekeys') || command.refusal !== null || command.name === 'sort_ro') continue;
    assert.equal(command.keys, KEYS_BY_ARGUMENTS, command.name);
    assert.equal(command.route, command.family === 'blocking' ? ROUTE_PRIVATE : ROUTE_SAME_SERVER, command.name);
  }
});

test('every command that is answered by Ringmaster has an answer', () => {
  const local = new LocalCommands(
    { poolName: 'p', version: '1', maxRequestBytes: 1 << 20, password: null },
    new PoolCommands(),
  );
  for (const command of COMMANDS) {
    if (command.route !== ROUTE_LOCAL || command.refusal !== null) continue;
    const args = new RequestArgs();
    args.buf = Buffer.from(command.name);
    args.count = Math.abs(command.arity);
    assert.ok(local.answer(command, args, new RedisSession(1)).length > 0, command.name);
  }
});
