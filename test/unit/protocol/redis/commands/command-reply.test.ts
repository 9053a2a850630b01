import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_COMMAND_REPLY_BYTES, rowsOfReply } from '../../../../../src/protocol/redis/commands/command-reply.ts';
import { RedisRequestParser } from '../../../../../src/protocol/redis/request-parser.ts';
import {
  encodeReply,
  ReplyMap,
  ReplySet,
  type ReplyValue,
  type RespVersion,
  SimpleText,
} from '../../../../../src/protocol/redis/resp.ts';
import { RedisSession } from '../../../../../src/protocol/redis/session.ts';
import { ROUTE_ANY, ROUTE_KEY, ROUTE_LOCAL, ROUTE_SAME_SERVER } from '../../../../../src/protocol/routes.ts';
import { encodeCommand } from '../../../../support/resp-reader.ts';

const words = (text: string): ReplyValue =>
  new ReplySet(text.split(' ').flatMap(word => (word === '' ? [] : [new SimpleText(word)])));
const part = (type: string, ...spec: ReplyValue[]): ReplyValue =>
  new ReplyMap(['type', type, 'spec', new ReplyMap(spec)]);
const spec = (begin: ReplyValue, find: ReplyValue, flags = 'RO access'): ReplyValue =>
  new ReplyMap(['flags', words(flags), 'begin_search', begin, 'find_keys', find]);
const AT_1 = part('index', 'index', 1);
const ALONE = part('range', 'lastkey', 0, 'keystep', 1, 'limit', 0);

function command(name: string, arity: number, flags: string, specs: ReplyValue[], subcommands: ReplyValue[] = []) {
  const none = new ReplySet([]);
  return [name, arity, words(flags), 0, 0, 0, words('@read'), none, new ReplySet(specs), subcommands];
}

const COMMANDS: ReplyValue = [
  command('my.get', 2, 'readonly', [spec(AT_1, ALONE)]),
  command('my.union', -3, 'readonly movablekeys', [
    spec(AT_1, part('keynum', 'keynumidx', 0, 'firstkey', 1, 'keystep', 1)),
  ]),
  command('my.copy', -2, 'write', [
    spec(AT_1, ALONE),
    spec(part('keyword', 'keyword', 'TO', 'startfrom', 2), ALONE, 'OW update'),
  ]),
  command('my.box', -2, '', [], [command('my.box|open', 3, 'write', [spec(part('index', 'index', 2), ALONE)])]),
  command('my.odd', -2, 'readonly', [spec(part('unknown'), part('unknown'))]),
  command('my.part', -2, 'readonly', [spec(AT_1, ALONE, 'RO access incomplete')]),
  command('my.wait', -2, 'write blocking', [spec(AT_1, ALONE)]),
  command('my.stop', 1, 'admin', []),
  command('my.ping', 1, 'readonly', []),
  command('get', 2, 'readonly', [spec(part('index', 'index', 2), ALONE)]),
  // Before Redis 7: no key specifications.
  ['my.old', -3, words('write'), 1, -1, 2],
];

function taught(version: RespVersion, hasOneServer = false) {
  const parser = new RedisRequestParser({
    poolName: 'p',
    version: '1',
    maxRequestBytes: 1 << 20,
    password: null,
    rules: { hasOneServer, deniedCommands: ['my.get'] },
  });
  parser.lesson.learn([encodeReply(COMMANDS, version)]);
  const session = new RedisSession(1);
  return (line: string) => {
    const wire = encodeCommand(...line.split(' '));
    assert.equal(parser.parse(session, wire, 0, wire.length), wire.length);
    const keys = Array.from({ length: parser.keyCount }, (_, i) =>
      wire.toString('latin1', parser.keyStarts[i], parser.keyEnds[i]),
    );
    return { route: parser.route, keys, reply: parser.route === ROUTE_LOCAL ? parser.reply.toString('latin1') : '' };
  };
}

for (const version of [2, 3] as const) {
  test(`RESP${version}: what a server says of its commands is learned`, () => {
    const ask = taught(version);
    assert.deepEqual(ask('MY.UNION 2 a b LIMIT').keys, ['a', 'b']);
    assert.equal(ask('MY.UNION 2 a b').route, ROUTE_SAME_SERVER);
    assert.deepEqual(ask('my.copy a').keys, ['a']);
    assert.deepEqual(ask('my.copy a x to b').keys, ['a', 'b']);
    assert.deepEqual(ask('MY.BOX OPEN k').keys, ['k']);
    assert.equal(ask('MY.BOX OPEN k').route, ROUTE_KEY);
    assert.deepEqual(ask('my.old a 1 b 2').keys, ['a', 'b']);
    assert.deepEqual(ask('GET k').keys, ['k'], 'the table knows better');
    assert.match(ask('my.get k').reply, /^-ERR 'my.get' is denied by the setting deny_commands/);
    assert.match(ask('MY.BOX CLOSE k').reply, /^-ERR unknown subcommand 'CLOSE'/);
    assert.match(ask('MY.BOX OPEN').reply, /^-ERR wrong number of arguments for 'my.box\|open' command/);
    for (const line of ['my.odd a', 'my.part a', 'my.union x a', 'my.union 3 a']) {
      assert.match(ask(line).reply, /where its keys are is not known\r\n$/, line);
    }
    assert.match(ask('my.wait a').reply, /it blocks its server connection/);
    for (const line of ['my.stop', 'my.ping']) assert.match(ask(line).reply, /it has no keys that would say/, line);
    assert.match(ask('COMMAND COUNT').reply, /^:\d+\r\n$/);
    assert.match(ask('COMMAND INFO my.union').reply, /^\*1\r\n\*10\r\n\$8\r\nmy\.union\r\n:-3\r\n/);
    assert.equal(ask('COMMAND INFO set').reply, '*1\r\n$-1\r\n', 'the servers do not have it');
  });
}

test('a pool of one server is sent a learned command without keys, unless its flags forbid it', () => {
  const ask = taught(2, true);
  assert.equal(ask('my.ping').route, ROUTE_ANY);
  for (const line of ['my.stop', 'my.wait a', 'my.odd a']) {
    assert.match(ask(line).reply, /^-ERR 'my\.\w+' cannot be used through Ringmaster/, line);
  }
});

test('what is no reply to COMMAND teaches nothing', () => {
  const right = encodeReply(COMMANDS);
  for (let i = 0; i < right.length; i++) assert.equal(rowsOfReply(right.subarray(0, i)), null, `cut at ${i}`);
  for (const text of [
    '-ERR unknown command\r\n',
    '+OK\r\n',
    '*1000000000\r\n',
    `${'*1\r\n'.repeat(10_000)}:1\r\n`,
    '*1\r\n$99999999999\r\n',
    '*1\r\n?\r\n',
  ]) {
    assert.equal(rowsOfReply(Buffer.from(text)), null, text.slice(0, 30));
  }
  assert.equal(rowsOfReply(Buffer.alloc(MAX_COMMAND_REPLY_BYTES + 1, '*')), null);
  assert.deepEqual(rowsOfReply(Buffer.from('*2\r\n:1\r\n*0\r\n')), []);
});

test('keys that have no end, or begin before the request, are not believed', () => {
  const odd: ReplyValue[] = [
    ['odd.still', -3, words('write'), 1, 2, 0],
    ['odd.back', -3, words('write'), -(2 ** 40), -1, 1],
    command('odd.before', -2, 'readonly', [spec(part('index', 'index', -(2 ** 40)), ALONE)]),
    command('odd.counted', -2, 'readonly', [
      spec(AT_1, part('keynum', 'keynumidx', 0, 'firstkey', -(2 ** 40), 'keystep', 1)),
    ]),
  ];
  const rows = rowsOfReply(encodeReply(odd)) ?? [];
  assert.deepEqual(
    rows.map(([name, , , , , , , specs]) => [name, specs]),
    ['odd.before', 'odd.counted'].map(name => [name, [['RO access', null, null]]]),
  );
});
