import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Glob, MAX_GLOB_LENGTH } from '../../../../../src/protocol/glob.ts';
import type { ParserOptions } from '../../../../../src/protocol/parser-options.ts';
import { redisProtocol } from '../../../../../src/protocol/redis/redis.ts';
import { ROUTE_LOCAL } from '../../../../../src/protocol/routes.ts';
import { encodeCommand, parseReply, RespError, type RespValue } from '../../../../support/resp-reader.ts';

/** A client of a parser: each call is one request answered by Ringmaster itself. */
function clientOf(options: Partial<ParserOptions> = {}): (...words: string[]) => RespValue {
  const parser = redisProtocol.createParser({
    poolName: 'sessions',
    version: '1.2.3',
    maxRequestBytes: 1 << 20,
    password: null,
    ...options,
  });
  const session = redisProtocol.createSession(7);
  return (...words) => {
    const wire = encodeCommand(...words);
    assert.equal(parser.parse(session, wire, 0, wire.length), wire.length);
    assert.equal(parser.route, ROUTE_LOCAL, words.join(' '));
    return textOf(parseReply(parser.reply));
  };
}

/** Bulk strings as text, errors as `-text`: easier to compare. */
function textOf(value: RespValue): RespValue {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (value instanceof RespError) return `-${value.text}`;
  return Array.isArray(value) ? value.map(textOf) : value;
}

test('AUTH: nothing but AUTH, HELLO, QUIT and RESET is answered before it', () => {
  const say = clientOf({ password: 'sekret' });
  assert.equal(say('GET', 'a'), '-NOAUTH Authentication required.');
  assert.equal(say('PING'), '-NOAUTH Authentication required.');
  assert.equal(say('MULTI'), '-NOAUTH Authentication required.');
  assert.equal(say('RESET'), 'RESET');
  assert.equal(say('AUTH', 'wrong'), '-WRONGPASS invalid username-password pair or user is disabled.');
  assert.equal(say('AUTH', 'bob', 'sekret'), '-WRONGPASS invalid username-password pair or user is disabled.');
  assert.match(String(say('HELLO', '2', 'SETNAME', 'x')), /^-NOAUTH HELLO must be called/);
  assert.equal(say('AUTH', 'sekret'), 'OK');
  // As in Redis, the name was taken before the request was refused.
  assert.equal(say('CLIENT', 'GETNAME'), 'x');
  assert.equal(say('AUTH', 'wrong'), '-WRONGPASS invalid username-password pair or user is disabled.');
  assert.equal(say('PING'), 'PONG');
  assert.equal(say('RESET'), 'RESET');
  assert.equal(say('PING'), '-NOAUTH Authentication required.');
  assert.equal((say('HELLO', '2', 'AUTH', 'default', 'sekret', 'SETNAME', 'jo') as string[])[1], 'redis');
  assert.equal(say('CLIENT', 'GETNAME'), 'jo');
});

test('AUTH: what may be announced before it is limited, also in pieces', () => {
  const options = { poolName: 'p', version: '1', maxRequestBytes: 1 << 30, password: 'x' };
  for (const [wire, text] of [
    ['*11\r\n', 'unauthenticated multibulk length'],
    ['*2\r\n$16385\r\n', 'unauthenticated bulk length'],
  ] as const) {
    for (let i = 1; i < wire.length; i++) {
      const parser = redisProtocol.createParser(options);
      const session = redisProtocol.createSession(1);
      const framer = redisProtocol.createFramer(options, session);
      const whole = Buffer.from(wire);
      framer.reset();
      const first = framer.scan(whole, 0, i);
      if (first < 0) assert.equal(framer.scan(whole, i, whole.length), whole.length);
      assert.equal(parser.parse(session, whole, 0, whole.length), whole.length);
      assert.equal(parser.reply.toString(), `-ERR Protocol error: ${text}\r\n`);
      assert.equal(parser.closesClient, true);
    }
  }
});

test('sessions do not share what they are told', () => {
  const options = { poolName: 'p', version: '1', maxRequestBytes: 1 << 20, password: 'x' };
  const parser = redisProtocol.createParser(options);
  const [one, two] = [redisProtocol.createSession(1), redisProtocol.createSession(2)];
  const auth = encodeCommand('AUTH', 'x');
  const get = encodeCommand('GET', 'a');
  parser.parse(one, auth, 0, auth.length);
  parser.parse(two, get, 0, get.length);
  assert.equal(parser.reply.toString(), '-NOAUTH Authentication required.\r\n');
  parser.parse(one, get, 0, get.length);
  assert.notEqual(parser.route, ROUTE_LOCAL);
});

test('CLIENT answers what clients send when they connect', () => {
  const say = clientOf();
  assert.equal(say('CLIENT', 'ID'), 7);
  assert.equal(say('CLIENT', 'SETNAME', 'app-1'), 'OK');
  assert.equal(say('CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis(x)'), 'OK');
  assert.equal(say('CLIENT', 'setinfo', 'lib-ver', '6.0.0'), 'OK');
  assert.match(String(say('CLIENT', 'INFO')), /^id=7 .* name=app-1 .* lib-name=ioredis\(x\) lib-ver=6\.0\.0\n$/);
  assert.match(String(say('CLIENT', 'SETINFO', 'LIB-NAME', 'a b')), /^-ERR lib-name cannot contain spaces/);
  assert.match(String(say('CLIENT', 'SETINFO', 'X', 'y')), /^-ERR Unrecognized option/);
  assert.equal(say('CLIENT', 'SETNAME', ''), 'OK');
  assert.equal(say('CLIENT', 'GETNAME'), null);
  assert.match(String(say('CLIENT', 'TRACKING', 'ON')), /^-ERR 'client\|tracking' cannot be used through Ringmaster/);
});

test('HELLO chooses the version of the protocol, from its own reply on', () => {
  const parser = redisProtocol.createParser({ poolName: 'p', version: '1', maxRequestBytes: 1 << 20, password: 'x' });
  const session = redisProtocol.createSession(1);
  const say = (...words: string[]): string => {
    const wire = encodeCommand(...words);
    parser.parse(session, wire, 0, wire.length);
    return parser.reply.toString();
  };
  for (const [words, first, variant] of [
    ['HELLO 3', '-NOAUTH', 0],
    ['HELLO 3 AUTH default wrong', '-WRONGPASS', 0],
    ['HELLO 3 AUTH default x', '%7\r\n', 1],
    ['CLIENT GETNAME', '_\r\n', 1],
    ['HELLO', '%7\r\n', 1],
    ['HELLO 4', '-NOPROTO', 1],
    ['HELLO 2 SETNAME', '-ERR Syntax', 1],
    ['HELLO 2', '*14\r\n', 0],
    ['CLIENT GETNAME', '$-1\r\n', 0],
    ['HELLO 3', '%7\r\n', 1],
    ['RESET', '+RESET\r\n', 0],
    ['HELLO', '-NOAUTH', 0],
  ] as const) {
    assert.equal(say(...words.split(' ')).slice(0, first.length), first, words);
    assert.equal(session.variant, variant, words);
  }
});

test('INFO ringmaster asks nobody', () => {
  const text = String(clientOf()('INFO', 'Ringmaster'));
  assert.match(text, /^# Ringmaster\r\nringmaster_version:1\.2\.3\r\nringmaster_pool:/);
});

test('SELECT: there is database 0 and no other', () => {
  const say = clientOf();
  assert.equal(say('SELECT', '0'), 'OK');
  assert.equal(say('SELECT', '1'), '-ERR DB index is out of range');
  assert.equal(say('SELECT', 'x'), '-ERR value is not an integer or out of range');
});

test('TIME is the time', () => {
  const [seconds, micros] = (clientOf()('TIME') as string[]).map(Number);
  assert.ok(Math.abs(seconds! + micros! / 1e6 - Date.now() / 1000) < 1);
  assert.ok(micros! >= 0 && micros! < 1e6);
});

test('COMMAND shows what can be used, and no more', () => {
  const say = clientOf();
  const all = say('COMMAND') as RespValue[][];
  const names = all.map(([name]) => name);
  assert.equal(say('COMMAND', 'COUNT'), all.length);
  const list = say('COMMAND', 'LIST') as string[];
  assert.deepEqual(
    list.filter(name => !name.includes('|')),
    names,
  );
  assert.ok(list.includes('config|get') && !list.includes('config|set'));
  assert.ok(names.includes('get') && names.includes('client'));
  for (const refused of ['monitor', 'shutdown', 'cluster']) assert.ok(!names.includes(refused), refused);
  assert.deepEqual(say('COMMAND', 'INFO', 'nope', 'monitor', 'config|set'), [null, null, null]);
  assert.deepEqual(
    (say('COMMAND', 'INFO', 'GET', 'client|SETNAME') as RespValue[][]).map(([name]) => name),
    ['get', 'client|setname'],
  );
  assert.deepEqual(say('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'XR*'), [
    'xrange',
    'xread',
    'xreadgroup',
    'xrevrange',
  ]);
  assert.deepEqual(say('COMMAND', 'INFO', 'config|get|key'), [null]);
  assert.deepEqual(say('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'config|*'), ['config|get', 'config|help']);
  assert.equal((say('COMMAND', 'DOCS', 'get') as RespValue[])[0], 'get');
  assert.deepEqual(say('COMMAND', 'DOCS', 'nope', 'monitor'), []);
});

test('a glob matches as in Redis, in bounded time', () => {
  const yes = [
    ['*', ''],
    ['s*e', 'save'],
    ['s?ve', 'save'],
    ['[a-c]x', 'bx'],
    ['[^a]', 'b'],
    ['\\*', '*'],
    ['**a', 'ba'],
  ];
  const no = [
    ['s*e', 'saved'],
    ['?', ''],
    ['[a-c]', 'd'],
    ['[^a]', 'a'],
    ['a', 'ab'],
    ['\\*', 'x'],
  ];
  for (const [pattern, text] of yes) assert.ok(Glob.read(pattern!)!.matches(text!), `${pattern} ${text}`);
  for (const [pattern, text] of no) assert.ok(!Glob.read(pattern!)!.matches(text!), `${pattern} ${text}`);
  assert.ok(!Glob.read(`${'*a'.repeat(127)}b`)!.matches('a'.repeat(40)));
  assert.equal(Glob.read('a'.repeat(MAX_GLOB_LENGTH + 1)), null);
});
