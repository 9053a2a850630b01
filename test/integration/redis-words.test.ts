// What Ringmaster's Redis side knows by heart, compared with a real redis-server: the command table, key positions, and
// every word that it says in Redis's place.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Glob } from '../../src/protocol/glob.ts';
import type { ParserOptions } from '../../src/protocol/parser-options.ts';
import type { RequestParser, Session } from '../../src/protocol/protocol.ts';
import { type Command, KEYS_NONE } from '../../src/protocol/redis/commands/command.ts';
import { COMMAND_ROWS, type KeySpecRow } from '../../src/protocol/redis/commands/command-data.ts';
import { describe } from '../../src/protocol/redis/commands/command-description.ts';
import { rowsOfReply } from '../../src/protocol/redis/commands/command-reply.ts';
import { COMMANDS } from '../../src/protocol/redis/commands/command-table.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { encodeReply } from '../../src/protocol/redis/resp.ts';
import { COMMANDS_REQUEST } from '../../src/protocol/redis/server-requests.ts';
import { ROUTE_LOCAL } from '../../src/protocol/routes.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply, RespError, type RespValue, replyEnd } from '../support/resp-reader.ts';
import { REQUESTS, understood } from '../support/resp-requests.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const PASSWORD = 'sekret';
const OPTIONS: ParserOptions = {
  poolName: 'p',
  version: '1',
  maxRequestBytes: 1 << 30,
  password: null,
  rules: { hasOneServer: true },
};
const MARKER = 'that was all';
const MARKER_REPLY = `$${MARKER.length}\r\n${MARKER}\r\n`;

let open: RedisServer;
let locked: RedisServer;

before(async () => {
  [open, locked] = await Promise.all([startRedis(), startRedis({ requirepass: PASSWORD })]);
});

after(async () => {
  await Promise.all([open.stop(), locked.stop()]);
});

/** Everything that is answered to `bytes` on a new connection; ends with CLOSED when the connection is closed then. */
async function serverSays(server: RedisServer, bytes: Buffer, marker = encodeCommand('ECHO', MARKER)): Promise<string> {
  const client = await RawClient.connect(server.port);
  try {
    client.send(Buffer.concat([bytes, marker]));
    let isAtEnd = false;
    const said = await client.readUntil(arrived => {
      isAtEnd = arrived.includes(MARKER_REPLY) || arrived.includes('-NOAUTH');
      return isAtEnd ? arrived.length : -1;
    });
    return said.toString('latin1').replace(MARKER_REPLY, '');
  } catch {
    return `${client.unread().toString('latin1')}CLOSED`;
  } finally {
    client.destroy();
  }
}

/** What Ringmaster answers to the requests in `bytes`, all of which must be its own to answer. */
function ringmasterSays(bytes: Buffer, password: string | null = null): string {
  const parser = redisProtocol.createParser({ ...OPTIONS, password });
  const session = redisProtocol.createSession(1);
  const all = Buffer.concat([bytes, encodeCommand('ECHO', MARKER)]);
  let said = '';
  for (let at = 0; at < all.length; ) {
    const stop = parser.parse(session, all, at, all.length);
    assert.ok(stop > at, `stopped at ${at} of ${JSON.stringify(all.toString('latin1'))}`);
    assert.equal(parser.route, ROUTE_LOCAL, `not answered: ${JSON.stringify(all.toString('latin1', at, stop))}`);
    said += parser.reply.toString('latin1');
    if (parser.closesClient) return `${said}CLOSED`;
    at = stop;
  }
  return said.replace(MARKER_REPLY, '');
}

const wordsOf = (command: Command): string[] => command.name.split('|');
const call = (command: Command, count: number): Buffer => {
  const words = wordsOf(command);
  while (words.length < count) words.push(String(words.length));
  return encodeCommand(...words);
};
/** Commands that only a younger Redis has. */
const isYounger = (command: Command): boolean => command.origin !== 'base';

test("the command table is COMMAND's", async () => {
  const found: RespValue[][] = [];
  const collect = (rows: RespValue): void => {
    for (const row of rows as RespValue[][]) {
      found.push([...row.slice(0, 9), []]);
      collect(row[9]!);
    }
  };
  collect(await open.command('COMMAND'));
  found.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  const ours = COMMANDS.filter(command => !isYounger(command)).map(command => describe(command, []));
  assert.deepEqual(parseReply(encodeReply(ours)), found);
});

test('what is learned from COMMAND is what the table has, in both versions', async () => {
  const base = COMMAND_ROWS.filter(row => row[9] === 'base').map(row => row.slice(0, 9));
  for (const version of [2, 3]) {
    const client = await RawClient.connect(open.port);
    await client.command('HELLO', version);
    client.send(COMMANDS_REQUEST);
    const rows = rowsOfReply(await client.readReply())!.map(row => row.slice(0, 9));
    client.destroy();
    rows.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
    assert.equal(rows.length, base.length);
    for (const [i, row] of rows.entries()) {
      // Notes are for people; what has none of its own is told by first, last and step.
      const specs = (base[i]![7] as KeySpecRow[]).map(([flags, begin, find]) => {
        const isKnown = begin !== null && find !== null;
        return isKnown ? [flags, begin, find] : [flags, null, null];
      });
      assert.deepEqual(row, [...base[i]!.slice(0, 7), specs, base[i]![8]]);
    }
  }
});

test('too few and too many arguments are refused in the same words, for every command', async () => {
  for (const command of COMMANDS) {
    if (isYounger(command)) continue;
    const least = wordsOf(command).length;
    const { acceptedArity: arity } = command;
    const counts = arity > 0 ? [arity - 1, arity + 1] : [-arity - 1];
    for (const count of counts) {
      if (count < least) continue;
      const bytes = call(command, count);
      assert.equal(ringmasterSays(bytes), await serverSays(open, bytes), `${command.name}, ${count} words`);
    }
  }
});

test('keys are found where COMMAND GETKEYS finds them, for every command', async () => {
  // Of one database only there is none that MOVE could name.
  const parser = redisProtocol.createParser({ ...OPTIONS, rules: { ...OPTIONS.rules, databases: 16 } });
  const session = redisProtocol.createSession(1);
  let compared = 0;
  const compare = async (wire: Buffer): Promise<void> => {
    const answer = await open.command('COMMAND', 'GETKEYS', ...(parseReply(wire) as Buffer[]));
    if (answer instanceof RespError) return;
    const keys = keysOf(parser, session, wire);
    assert.deepEqual(
      keys,
      (answer as Buffer[]).map(key => key.toString('latin1')),
      wire.toString('latin1'),
    );
    compared++;
  };
  for (const { wire, want } of REQUESTS) {
    if (want.route === ROUTE_LOCAL || wire[0] !== 42 || wire.includes('\rX')) continue;
    // GETKEYS takes 01 for 1; the command itself does not.
    if (wire.includes('\n01\r')) continue;
    await compare(wire);
  }
  for (const command of COMMANDS) {
    if (command.keys === KEYS_NONE || command.refusal !== null) continue;
    for (let count = Math.abs(command.arity); count < Math.abs(command.arity) + 4; count++) {
      if (command.arity > 0 && count > command.arity) break;
      await compare(call(command, count));
    }
  }
  assert.ok(compared > 300, `${compared} compared`);
});

function keysOf(parser: RequestParser, session: Session, wire: Buffer): readonly string[] {
  assert.equal(parser.parse(session, wire, 0, wire.length), wire.length);
  return understood(parser, wire, 0, wire.length).keys;
}

const said = (...words: (string | Buffer)[]): Buffer => encodeCommand(...words);
const raw = (text: string): Buffer => Buffer.from(text, 'latin1');
const long = (length: number): string => 'abcdefghi '.repeat(length).slice(0, length);

const SAME_WORDS: readonly Buffer[] = [
  said('foo'),
  said('foo', 'bar', ''),
  said(''),
  said('fo\r\no\n', '\r\n'),
  said('f\0oo', 'b\0ar', '\0', 'c'),
  said('\xff\x80', '\xfe'),
  said(long(127)),
  said(long(128)),
  said(long(129), long(10)),
  ...[120, 123, 124, 125, 126, 127, 128, 129, 300].map(length => said('foo', long(length), 'second', 'third')),
  said('foo', ...Array.from({ length: 200 }, (_, i) => `${i}`)),
  said('get|x', 'a'),
  said('client|id'),
  said('CLIENT', ''),
  said('cLiEnT', 'fo\r\no', 'x'),
  said('OBJECT', long(200)),
  said('OBJECT', 'x\0y'),
  said('object', 'HELP', 'x'),
  said('CLUSTER', 'INFO'),
  said('CLUSTER', 'SLOTS'),
  said('CLUSTER', 'nope'),
  said('READONLY'),
  said('READWRITE'),
  said('ASKING'),
  said('post'),
  raw('POST / HTTP/1.1\r\nHost: x\r\n\r\n'),
  raw('Host: x\r\n'),
  said('AUTH', 'x'),
  said('AUTH', 'default', 'x'),
  said('AUTH', 'Default', 'x'),
  said('AUTH', 'bob', 'x'),
  said('AUTH', 'a', 'b', 'c'),
  said('HELLO', '4'),
  said('HELLO', '1'),
  said('HELLO', '-2'),
  said('HELLO', 'x'),
  said('HELLO', '2', 'x'),
  said('HELLO', '03'),
  Buffer.concat([said('HELLO', '3', 'SETNAME', 'a b'), said('CLIENT', 'GETNAME')]),
  Buffer.concat([said('HELLO', '3', 'AUTH', 'bob', 'x'), said('CLIENT', 'GETNAME')]),
  Buffer.concat([said('HELLO', '3', 'x'), said('CLIENT', 'GETNAME')]),
  said('HELLO', '2', 'AUTH', 'default'),
  said('HELLO', '2', 'AUTH', 'bob', 'x'),
  said('HELLO', '2', 'SETNAME'),
  said('HELLO', '2', 'SETNAME', 'a b'),
  said('SELECT', '0'),
  said('SELECT', '99'),
  said('SELECT', '-1'),
  said('SELECT', 'x'),
  said('SELECT', '01'),
  said('PING'),
  said('PING', 'a'),
  said('PING', 'a', 'b'),
  said('ECHO', 'a\r\n\0'),
  said('RESET'),
  said('QUIT'),
  said('QUIT', 'now'),
  said('CLIENT', 'GETNAME'),
  said('CLIENT', 'SETNAME', 'a b'),
  said('CLIENT', 'SETNAME', 'é'),
  Buffer.concat([said('CLIENT', 'SETNAME', 'ab'), said('CLIENT', 'GETNAME'), said('RESET'), said('CLIENT', 'GETNAME')]),
  Buffer.concat([said('HELLO', '2', 'SETNAME', 'a b'), said('CLIENT', 'GETNAME')]),
  said('CLIENT', 'GETREDIR'),
  said('CLIENT', 'TRACKINGINFO'),
  said('CLIENT', 'TRACKING', 'OFF'),
  said('CLIENT', 'TRACKING', 'x'),
  said('CLIENT', 'CACHING', 'YES'),
  said('CLIENT', 'REPLY', 'ON'),
  said('CLIENT', 'REPLY', 'x'),
  said('CLIENT', 'NO-EVICT', 'ON'),
  said('CLIENT', 'NO-EVICT', 'x'),
  said('CLIENT', 'LIST', 'x'),
  said('CLIENT', 'LIST', 'TYPE', 'x'),
  said('CLIENT', 'LIST', 'ID', 'x'),
  said('ACL', 'WHOAMI'),
  said('MODULE', 'LIST'),
  said('COMMAND', 'DOCS', 'nope'),
  said('COMMAND', 'LIST', 'x'),
  said('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'xle?'),
  said('COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'x'),
  said('COMMAND', 'INFO', 'nope'),
  said('COMMAND', 'GETKEYS', 'nope', 'x'),
  said('COMMAND', 'GETKEYS', 'PING', 'x'),
  said('COMMAND', 'GETKEYS', 'GET', 'x', 'y'),
  said('COMMAND', 'GETKEYS', 'MSET', 'a', 'b', 'c', 'd'),
  said('COMMAND', 'GETKEYS', 'EVAL', 'x', '0'),
  said('COMMAND', 'GETKEYS', 'EVAL', 'x', 'y'),
  said('COMMAND', 'GETKEYS', 'ZUNION', 'x', 'y'),
  said('COMMAND', 'GETKEYS', 'OBJECT', 'ENCODING', 'y'),
  said('COMMAND', 'GETKEYS', 'OBJECT', 'nope', 'y'),
  ...REQUESTS.filter(({ want }) => want.route === ROUTE_LOCAL && !/Ringmaster|2147483|1048577/.test(want.reply))
    .filter(({ name }) => name !== 'more arguments than accepted')
    .map(({ wire }) => wire),
];

test('the same words as Redis, for what Ringmaster answers in its place', async () => {
  for (const bytes of SAME_WORDS) {
    const label = JSON.stringify(bytes.toString('latin1', 0, 100));
    assert.equal(ringmasterSays(bytes), await serverSays(open, bytes), label);
  }
});

test('the same words as Redis after HELLO 3', async () => {
  // Where it closes without a word, Redis keeps what it has not written of HELLO's reply either.
  const withoutHello = (text: string): string =>
    text.startsWith('%') ? text.slice(replyEnd(Buffer.from(text, 'latin1'))) : text;
  for (const bytes of SAME_WORDS) {
    const all = Buffer.concat([said('HELLO', '3'), bytes]);
    const label = JSON.stringify(bytes.toString('latin1', 0, 100));
    assert.equal(withoutHello(ringmasterSays(all)), withoutHello(await serverSays(open, all)), label);
  }
});

test('the same words as Redis for a line that does not end', async () => {
  for (const text of ['*', '*1\r\n$', '*1\r\n', '']) {
    const bytes = raw(text + (text.endsWith('\n') || text === '' ? 'x' : '1').repeat(70_000));
    assert.equal(ringmasterSays(bytes), await serverSays(open, bytes, Buffer.alloc(0)), JSON.stringify(text));
  }
});

test('HELLO answers as Redis does, but for the id', async () => {
  const withoutId = (text: string): string =>
    text.replace(/:\d+\r\n(?=\$4\r\nmode)/g, ':0\r\n').replace(/7\.0\.\d+/g, '7');
  for (const versions of [[''], ['2'], ['3'], ['3', ''], ['3', '2', '']]) {
    const bytes = Buffer.concat(versions.map(version => (version === '' ? said('HELLO') : said('HELLO', version))));
    assert.equal(withoutId(ringmasterSays(bytes)), withoutId(await serverSays(open, bytes)), versions.join());
  }
});

const WITH_PASSWORD: readonly (readonly Buffer[])[] = [
  [said('PING')],
  [said('GET')],
  [said('GET', 'a')],
  [said('nope')],
  [said('CLIENT', 'nope')],
  [said('MULTI')],
  [said('SUBSCRIBE', 'x')],
  [said('AUTH')],
  [said('AUTH', 'x')],
  [said('AUTH', 'bob', PASSWORD)],
  [said('AUTH', PASSWORD), said('PING')],
  [said('AUTH', 'default', PASSWORD), said('PING')],
  [said('AUTH', PASSWORD), said('AUTH', 'x'), said('PING')],
  [said('AUTH', PASSWORD), said('RESET'), said('PING')],
  [said('HELLO')],
  [said('HELLO', '4')],
  [said('HELLO', '3')],
  [said('HELLO', '3'), said('AUTH', PASSWORD), said('CLIENT', 'GETNAME')],
  [said('HELLO', '2', 'SETNAME', 'a'), said('AUTH', PASSWORD), said('CLIENT', 'GETNAME')],
  [said('HELLO', '2', 'AUTH', 'default', 'x'), said('PING')],
  [said('HELLO', '2', 'SETNAME', 'a b', 'AUTH', 'default', PASSWORD), said('PING')],
  [said('HELLO', '2', 'AUTH', 'default', PASSWORD, 'x'), said('PING')],
  [said('QUIT')],
  [said('RESET')],
  [raw('PING\r\n')],
  [raw('*11\r\n')],
  [raw('*10\r\n$16385\r\n')],
  [raw(`get ${'a '.repeat(20)}\r\n`)],
];

test('the same words as Redis with a password', async () => {
  for (const requests of WITH_PASSWORD) {
    // Before AUTH the marker is answered with NOAUTH, which ends the reading as well.
    const bytes = Buffer.concat(requests);
    const label = JSON.stringify(bytes.toString('latin1'));
    assert.equal(ringmasterSays(bytes, PASSWORD), await serverSays(locked, bytes), label);
  }
});

test('inline requests are split into words as Redis splits them', async t => {
  const seed = seedFrom('REDIS_WORDS_SEED');
  t.diagnostic(`REDIS_WORDS_SEED=${seed}`);
  const random = new SeededRandom(seed);
  const pieces = [
    '"',
    '"',
    "'",
    "'",
    '\\',
    '\\x41',
    '\\xZ',
    '\\n',
    '\\"',
    "\\'",
    ' ',
    ' ',
    '\t',
    'a',
    'b',
    '\r',
    '\xff',
  ];
  for (let round = 0; round < 400; round++) {
    let line = 'ECHO ';
    for (let i = random.between(0, 7); i >= 0; i--) line += random.pick(pieces);
    const bytes = raw(`${line}\r\n`);
    assert.equal(ringmasterSays(bytes), await serverSays(open, bytes), JSON.stringify(line));
  }
});

test('a glob matches what KEYS finds by it', async t => {
  const seed = seedFrom('GLOB_SEED');
  t.diagnostic(`GLOB_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const textOf = (parts: readonly string[], most: number): string =>
    Array.from({ length: random.between(1, most) }, () => random.pick(parts)).join('');
  const names = [...new Set(Array.from({ length: 60 }, () => textOf([...'abc-]^*?[\\'], 6)))];
  const client = await RawClient.connect(open.port);
  await client.command('FLUSHALL');
  for (const name of names) await client.command('SET', name, '1');
  for (let i = 0; i < 1000; i++) {
    const pattern = textOf([...'abc-]^*?[\\', '[a-c]', '[^a]'], 8);
    const found = new Set(((await client.command('KEYS', pattern)) as Buffer[]).map(String));
    const glob = Glob.read(pattern)!;
    for (const name of names)
      assert.equal(glob.matches(name), found.has(name), `${pattern} ${name}, GLOB_SEED=${seed}`);
  }
  await client.command('FLUSHALL');
  client.destroy();
});
