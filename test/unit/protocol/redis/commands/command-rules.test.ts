import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandRules } from '../../../../../src/protocol/parser-options.ts';
import { BLOCKING_TIMEOUTS, FAMILY_OF } from '../../../../../src/protocol/redis/commands/command-families.ts';
import { COMMANDS } from '../../../../../src/protocol/redis/commands/command-table.ts';
import { redisProtocol } from '../../../../../src/protocol/redis/redis.ts';
import {
  FLAG_BLOCKS,
  FLAG_PAUSED_AS_WRITE,
  FLAG_READS,
  FLAG_RESENDABLE,
  FLAG_SUBSCRIBES,
  FLAG_VALUES,
  FLAG_WRITES,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_EVERY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_PRIVATE,
  ROUTE_SAME_SERVER,
  ROUTE_SERVER,
} from '../../../../../src/protocol/routes.ts';
import { encodeCommand } from '../../../../support/resp-reader.ts';

/** What a pool with these rules makes of a request. */
function poolOf(rules: Partial<CommandRules> = {}) {
  const parser = redisProtocol.createParser({
    poolName: 'p',
    version: '1',
    maxRequestBytes: 1 << 20,
    password: null,
    rules,
  });
  const session = redisProtocol.createSession(1);
  return (line: string) => {
    const wire = encodeCommand(...line.split(' '));
    assert.equal(parser.parse(session, wire, 0, wire.length), wire.length);
    const keys = Array.from({ length: parser.keyCount }, (_, i) =>
      wire.toString('latin1', parser.keyStarts[i], parser.keyEnds[i]),
    );
    const { route, command, flags, rewritten } = parser;
    const reply = route === ROUTE_LOCAL ? parser.reply.toString('latin1') : '';
    return { route, command, flags, keys, reply, forwarded: (rewritten ?? wire).toString('latin1') };
  };
}

test('deny_commands refuses commands and subcommands, and names the setting', () => {
  const ask = poolOf({ deniedCommands: ['FLUSHDB', 'config|get', 'script', 'get', 'XGROUP DESTROY'] });
  for (const [line, name] of [
    ['flushdb', 'flushdb'],
    ['CONFIG GET save', 'config|get'],
    ['SCRIPT LOAD x', 'script|load'],
    ['GET k', 'get'],
    ['XGROUP DESTROY k g', 'xgroup|destroy'],
  ] as const) {
    assert.equal(ask(line).reply, `-ERR '${name}' is denied by the setting deny_commands of this pool\r\n`);
  }
  assert.equal(ask('SET k v').route, ROUTE_KEY);
  assert.equal(ask('XGROUP CREATE k g $').route, ROUTE_KEY);
  assert.equal(ask('CONFIG HELP').route, ROUTE_ANY);
  assert.equal(ask('COMMAND INFO get').reply, '*1\r\n$-1\r\n');
  assert.match(ask('COMMAND INFO config|get|key config|get').reply, /^\*2\r\n\$-1\r\n\$-1\r\n$/);
});

test('a pool of one server is sent what several cannot serve', () => {
  const one = poolOf({ hasOneServer: true });
  const several = poolOf();
  for (const line of ['TS.MGET FILTER a', 'FT.SEARCH i q']) {
    assert.ok([ROUTE_ANY, ROUTE_KEY].includes(one(line).route as never), line);
    assert.match(several(line).reply, /^-ERR '[a-z.|]+' cannot be used through Ringmaster: /, line);
  }
  for (const line of ['SWAPDB 0 1', 'CONFIG SET a b', 'SHUTDOWN', 'FT.CONFIG SET a b']) {
    assert.match(one(line).reply, /^-ERR '[a-z.|]+' cannot be used through Ringmaster: /, line);
  }
});

test('what concerns all keys goes to all servers, and to the only one as it is', () => {
  const one = poolOf({ hasOneServer: true, serverNames: ['a'] });
  const several = poolOf({ serverNames: ['a', 'b'] });
  for (const [line, route] of [
    ['KEYS *', ROUTE_ALL],
    ['RANDOMKEY', ROUTE_ALL],
    ['DBSIZE', ROUTE_ALL],
    ['FLUSHDB', ROUTE_EVERY],
    ['FLUSHALL', ROUTE_EVERY],
  ] as const) {
    assert.equal(one(line).route, ROUTE_ANY, line);
    assert.equal(several(line).route, route, line);
  }
  assert.equal(one('SCAN 0').route, ROUTE_SERVER);
  assert.equal(several('SCAN 0 COUNT 5').forwarded, '*4\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n$1\r\n5\r\n');
  // Databases that the pool does not have are not its business.
  for (const ask of [one, several])
    assert.equal(ask('FLUSHALL SYNC').forwarded, '*2\r\n$7\r\nFLUSHDB\r\n$4\r\nSYNC\r\n');
});

test('a script without keys goes by keyless_scripts, and with one server to it', () => {
  for (const line of ['EVAL x 0', 'EVALSHA x 0 a', 'EVAL_RO x 0', 'FCALL f 0']) {
    assert.match(poolOf()(line).reply, /the setting keyless_scripts says where it may\r\n$/, line);
    assert.equal(poolOf({ keylessScripts: 'any' })(line).route, ROUTE_ANY, line);
    assert.equal(poolOf({ keylessScripts: 'all' })(line).route, ROUTE_ALL, line);
    assert.equal(poolOf({ hasOneServer: true })(line).route, ROUTE_ANY, line);
  }
  assert.deepEqual(poolOf()('EVAL x 1 k').keys, ['k']);
});

test('no command of a pool that is one database reaches into another', () => {
  const db = poolOf({ db: 3 });
  const other = /the pool is one database of its servers \(redis_db\)\r\n$/;
  assert.match(db('MOVE k 1').reply, other);
  assert.match(db('COPY a b DB 1').reply, other);
  assert.match(db('COPY a b replace db 1').reply, other);
  assert.deepEqual(db('COPY a b REPLACE').keys, ['a', 'b']);
  assert.equal(db('COPY a b').route, ROUTE_SAME_SERVER);
  for (const line of ['MOVE k 1', 'MOVE k -1', 'COPY a b DB 1', 'COPY a b REPLACE DB 15']) {
    assert.equal(poolOf()(line).reply, '-ERR DB index is out of range\r\n', line);
  }
  assert.equal(poolOf()('MOVE k 0').route, ROUTE_KEY);
  assert.equal(poolOf()('COPY a b DB 0').route, ROUTE_SAME_SERVER);
});

test('an option that is not known is a syntax error, and no request is sent on a guess', () => {
  const ask = poolOf({ hasOneServer: true });
  assert.deepEqual(ask('XREADGROUP GROUP g c CLAIM 10 STREAMS a >').keys, ['a']);
  assert.deepEqual(ask('XREADGROUP GROUP g c COUNT 1 CLAIM 10 NOACK STREAMS a b > >').keys, ['a', 'b']);
  assert.equal(ask('XREADGROUP GROUP g c CLAIM 10 BLOCK 0 STREAMS a >').route, ROUTE_PRIVATE);
  assert.equal(ask('XREADGROUP GROUP g c BLOCK 0 CLAIM 10 STREAMS a >').route, ROUTE_PRIVATE);
  // A syntax error, as the server will say.
  assert.equal(ask('XREAD BLOCK 0 COUNT 1').route, ROUTE_ANY);
  for (const line of [
    'XREADGROUP GROUP g c NEWER 10 BLOCK 0 STREAMS a >',
    'XREADGROUP GROUP g c NEWER BLOCK 0 STREAMS a >',
    'XREAD CLAIM 10 STREAMS a 0',
    'XREAD NEWER STREAMS a 0',
    'XREAD a b c',
  ]) {
    assert.equal(ask(line).reply, '-ERR syntax error\r\n', line);
  }
});

test('younger commands and those of modules go by their keys', () => {
  const ask = poolOf();
  for (const [line, route, ...keys] of [
    ['HEXPIRE h 10 FIELDS 1 f', ROUTE_KEY, 'h'],
    ['HGETEX h FIELDS 1 f', ROUTE_KEY, 'h'],
    ['HSETEX h FIELDS 1 f v', ROUTE_KEY, 'h'],
    ['HGETDEL h FIELDS 1 f', ROUTE_KEY, 'h'],
    ['MSETEX 2 a 1 b 2 EX 10', ROUTE_SAME_SERVER, 'a', 'b'],
    ['MSETEX 1 a 1 EX 10', ROUTE_KEY, 'a'],
    ['DELEX k IFEQ v', ROUTE_KEY, 'k'],
    ['DIGEST k', ROUTE_KEY, 'k'],
    ['DELIFEQ k v', ROUTE_KEY, 'k'],
    ['ZRANK z m WITHSCORE', ROUTE_KEY, 'z'],
    ['VADD v VALUES 1 1 e', ROUTE_KEY, 'v'],
    ['VSIM v ELE e', ROUTE_KEY, 'v'],
    ['SUNIONCARD 2 a b LIMIT 1', ROUTE_SAME_SERVER, 'a', 'b'],
    ['LMOVEM a b LEFT RIGHT 3', ROUTE_SAME_SERVER, 'a', 'b'],
    ['JSON.SET j $ 1', ROUTE_KEY, 'j'],
    ['JSON.MGET a b $', ROUTE_SAME_SERVER, 'a', 'b'],
    ['JSON.MSET a $ 1 b $ 2', ROUTE_SAME_SERVER, 'a', 'b'],
    ['JSON.DEBUG MEMORY j', ROUTE_KEY, 'j'],
    ['JSON.DEBUG HELP', ROUTE_ANY],
    ['BF.ADD f x', ROUTE_KEY, 'f'],
    ['CF.ADD f x', ROUTE_KEY, 'f'],
    ['CMS.MERGE d 2 a b WEIGHTS 1 2', ROUTE_SAME_SERVER, 'd', 'a', 'b'],
    ['TOPK.ADD t x', ROUTE_KEY, 't'],
    ['TDIGEST.MERGE d 2 a b COMPRESSION 1', ROUTE_SAME_SERVER, 'd', 'a', 'b'],
    ['TS.ADD t * 1', ROUTE_KEY, 't'],
    ['TS.MADD a 1 1 b 1 1', ROUTE_SAME_SERVER, 'a', 'b'],
    ['TS.CREATERULE a b AGGREGATION avg 1', ROUTE_SAME_SERVER, 'a', 'b'],
    ['FT.SUGADD s text 1', ROUTE_KEY, 's'],
  ] as const) {
    const asked = ask(line);
    assert.deepEqual([asked.route, ...asked.keys], [route, ...keys], line);
  }
  assert.equal(ask('CLUSTERSCAN 0').reply, '-ERR This instance has cluster support disabled\r\n');
});

test('a declared command goes by the keys that the pool says it has', () => {
  const declared = { firstKey: 1, lastKey: 1, keyStep: 1, isWrite: true };
  const ask = poolOf({
    declaredCommands: [
      { name: 'My.Set', ...declared },
      { name: 'my.mget', firstKey: 2, lastKey: -1, keyStep: 2, isWrite: false },
      { name: 'my.ping', firstKey: 0, lastKey: 0, keyStep: 0, isWrite: false },
      { name: 'get', ...declared, firstKey: 2 },
    ],
    deniedCommands: ['my.denied'],
  });
  assert.deepEqual(ask('my.SET k v').keys, ['k']);
  assert.equal(ask('my.set k v').flags, FLAG_READS | FLAG_WRITES | FLAG_PAUSED_AS_WRITE);
  assert.deepEqual(ask('MY.MGET x a 1 b 2').keys, ['a', 'b']);
  assert.equal(ask('MY.MGET x a 1').flags, FLAG_READS | FLAG_RESENDABLE);
  assert.match(
    ask('my.set').reply,
    /^-ERR 'my.set' cannot be used through Ringmaster: where its keys are is not known/,
  );
  assert.match(ask('my.ping').reply, /^-ERR 'my.ping' cannot be used through Ringmaster: it has no keys/);
  assert.deepEqual(ask('GET k').keys, ['k'], 'the table knows better');
  assert.match(ask('my.denied k').reply, /^-ERR unknown command 'my.denied'/);
});

test('flags say what a command does', () => {
  const ask = poolOf({ hasOneServer: true });
  for (const [line, flags] of [
    ['GET k', FLAG_READS | FLAG_RESENDABLE | FLAG_VALUES],
    ['MGET a b', FLAG_READS | FLAG_RESENDABLE | FLAG_VALUES],
    ['SET k v', FLAG_READS | FLAG_WRITES | FLAG_PAUSED_AS_WRITE],
    ['INCR k', FLAG_READS | FLAG_WRITES | FLAG_PAUSED_AS_WRITE],
    ['EVAL x 1 k', FLAG_WRITES | FLAG_PAUSED_AS_WRITE],
    ['EVAL_RO x 1 k', FLAG_READS | FLAG_RESENDABLE],
    ['XREAD STREAMS k 0', FLAG_READS | FLAG_RESENDABLE],
    ['XREAD BLOCK 0 STREAMS k 0', FLAG_READS | FLAG_RESENDABLE | FLAG_BLOCKS],
    ['XREADGROUP GROUP g c STREAMS k >', FLAG_READS | FLAG_WRITES | FLAG_PAUSED_AS_WRITE],
    ['BLPOP k 0', FLAG_READS | FLAG_WRITES | FLAG_BLOCKS | FLAG_PAUSED_AS_WRITE],
    ['SUBSCRIBE c', FLAG_WRITES | FLAG_SUBSCRIBES],
  ] as const) {
    assert.equal(ask(line).flags, flags, line);
  }
});

test('every command that waits has its timeout known', () => {
  const waiting = COMMANDS.filter(({ effects, finder }) => (effects & FLAG_BLOCKS) !== 0 && finder !== 'streams').map(
    ({ name }) => name,
  );
  assert.deepEqual(waiting.sort(), Object.keys(BLOCKING_TIMEOUTS).sort());
  for (const name of waiting) assert.equal(FAMILY_OF.get(name)?.family, 'blocking', name);
});
