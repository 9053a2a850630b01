import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ParserOptions } from '../../../../src/protocol/parser-options.ts';
import { INCOMPLETE } from '../../../../src/protocol/protocol.ts';
import { redisProtocol } from '../../../../src/protocol/redis/redis.ts';
import { ROUTE_SPLIT } from '../../../../src/protocol/routes.ts';
import { fragmentOf } from '../../../support/fragments.ts';
import { encodeCommand } from '../../../support/resp-reader.ts';
import { feed, REQUESTS, type Understood } from '../../../support/resp-requests.ts';

const OPTIONS: ParserOptions = { poolName: 'p', version: '1.2.3', maxRequestBytes: 600 << 20, password: null };
const PING: Understood = {
  route: 0,
  command: 'ping',
  keys: [],
  reply: '+PONG\r\n',
  closesClient: false,
  forwarded: '',
};

function understand(pieces: readonly Buffer[], options: Partial<ParserOptions> = {}): Understood[] {
  const all = { ...OPTIONS, ...options };
  const session = redisProtocol.createSession(1);
  return feed(redisProtocol.createParser(all), redisProtocol.createFramer(all, session), session, pieces);
}

for (const { name, wire, want } of REQUESTS) {
  const two = Buffer.concat([wire, encodeCommand('PING')]);
  const wanted = want.closesClient ? [want] : [want, PING];

  test(`redis request: ${name}`, () => {
    assert.deepEqual(understand([two]), wanted);
  });

  test(`redis request: ${name}, at any split`, () => {
    for (let i = 1; i < two.length; i++) {
      assert.deepEqual(understand([two.subarray(0, i), two.subarray(i)]), wanted, `at ${i}`);
    }
  });

  test(`redis request: ${name}, byte by byte`, () => {
    assert.deepEqual(understand(Array.from(two, byte => Buffer.from([byte]))), wanted);
  });

  test(`redis request: ${name}, in the middle of a buffer`, () => {
    const parser = redisProtocol.createParser(OPTIONS);
    const session = redisProtocol.createSession(1);
    const buf = Buffer.concat([Buffer.from('*1\r\n'), wire, Buffer.from('\r\n\r\n$3\r\n')]);
    for (let end = 5; end < 4 + wire.length; end++) {
      const stop = parser.parse(session, buf, 4, end);
      assert.ok(stop === INCOMPLETE || (parser.closesClient && stop === end), `up to ${end}: ${stop}`);
    }
    assert.equal(parser.parse(session, buf, 4, 4 + wire.length), 4 + wire.length);
  });
}

test('redis requests: all of them as one stream, in pieces of 1 to 40 bytes', () => {
  // Twice, so that arrays follow inline requests too.
  const good = [...REQUESTS, ...REQUESTS].filter(({ want }) => !want.closesClient);
  const stream = Buffer.concat(good.map(({ wire }) => wire));
  const want = good.map(request => request.want);
  for (let size = 1; size <= 40; size++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size));
    assert.deepEqual(understand(pieces), want, `pieces of ${size}`);
  }
});

const LINE = 64 * 1024;
const LONG_LINES: readonly (readonly [string, string, string])[] = [
  ['*', '1', 'too big mbulk count string'],
  ['*', '0', 'too big mbulk count string'],
  ['*', 'x', 'too big mbulk count string'],
  ['*1\r\n$', '1', 'too big bulk count string'],
  ['*1\r\n', 'x', 'too big bulk count string'],
  ['', 'x', 'too big inline request'],
];

for (const [before, filler, text] of LONG_LINES) {
  test(`redis request: a line of ${JSON.stringify(before + filler)}… over 64 KiB is refused wherever it is split`, () => {
    const wire = Buffer.from(before + filler.repeat(LINE + 10));
    const want = [`-ERR Protocol error: ${text}\r\n`];
    for (const size of [wire.length, LINE - 1, LINE, LINE + 1, 16384, 1000]) {
      for (const ending of ['', '\r\n', '\n']) {
        const whole = Buffer.concat([wire, Buffer.from(ending)]);
        const pieces: Buffer[] = [];
        for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
        assert.deepEqual(
          understand(pieces).map(({ reply }) => reply),
          want,
          `${size} ${JSON.stringify(ending)}`,
        );
      }
    }
  });

  test(`redis request: a line of ${JSON.stringify(before + filler)}… of just 64 KiB is not too long`, () => {
    const dollar = before.indexOf('$');
    const lineStart = dollar >= 0 ? dollar : before.startsWith('*1') ? before.length : 0;
    const line = before + filler.repeat(LINE - (before.length - lineStart));
    const wire = Buffer.from(`${line}\r\n`);
    const last = wire.subarray(wire.length - 2);
    const splits = [[wire], [wire.subarray(0, -1), last.subarray(1)], [wire.subarray(0, -2), last]];
    // An inline request's line ends at the LF, before which the CR counts too.
    if (before === '') splits.splice(0, 3, [Buffer.from(`${line}\n`)], [Buffer.from(line), Buffer.from('\n')]);
    for (const pieces of splits) {
      const [{ reply } = { reply: 'nothing' }] = understand(pieces);
      assert.doesNotMatch(reply, /too big|nothing/);
    }
  });
}

test('redis request: larger than the pool accepts is refused as soon as it is announced', () => {
  const wire = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\n${'v'.repeat(1000)}\r\n`);
  const headers = wire.length - 1002;
  const refused = [['-ERR Protocol error: request is larger than the pool accepts\r\n', true]];
  for (let i = 1; i < wire.length; i++) {
    const pieces = [wire.subarray(0, i), wire.subarray(i)];
    const small = understand(pieces, { maxRequestBytes: wire.length - 1 });
    assert.deepEqual(
      small.map(({ reply, closesClient }) => [reply, closesClient]),
      refused,
      `at ${i}`,
    );
    assert.equal(understand(pieces, { maxRequestBytes: wire.length })[0]?.command, 'set');
  }
  for (let i = 1; i < headers; i++) {
    const pieces = [wire.subarray(0, i), wire.subarray(i, headers)];
    const announced = understand(pieces, { maxRequestBytes: wire.length - 1 });
    assert.deepEqual(
      announced.map(({ reply, closesClient }) => [reply, closesClient]),
      refused,
      `announced, at ${i}`,
    );
  }
});

test('redis request: fragments have the keys and values of their members, as the client wrote the name', () => {
  const parser = redisProtocol.createParser(OPTIONS);
  const session = redisProtocol.createSession(1);
  const fragment = (request: Buffer, ...members: number[]): string => {
    const padded = Buffer.concat([Buffer.from('xxx'), request]);
    assert.equal(parser.parse(session, padded, 3, padded.length), padded.length);
    assert.equal(parser.route, ROUTE_SPLIT);
    return fragmentOf(parser, padded, 3, padded.length, members).toString('latin1');
  };
  const big = 'b'.repeat(5000);
  const mget = encodeCommand('MgEt', 'a', 'bb', '', big, 'e');
  assert.equal(fragment(mget, 0, 1, 2, 3, 4), encodeCommand('MgEt', 'a', 'bb', '', big, 'e').toString());
  assert.equal(fragment(mget, 0, 3), encodeCommand('MgEt', 'a', big).toString());
  assert.equal(fragment(mget, 2), encodeCommand('MgEt', '').toString());
  assert.equal(fragment(mget, 1, 2, 4), encodeCommand('MgEt', 'bb', '', 'e').toString());
  const mset = encodeCommand('MSET', 'a', '1', 'b', big, 'c', '3');
  assert.equal(fragment(mset, 0, 2), encodeCommand('MSET', 'a', '1', 'c', '3').toString());
  assert.equal(fragment(mset, 1), encodeCommand('MSET', 'b', big).toString());
  const line = Buffer.from('del "a b" c d\r\n');
  parser.parse(session, line, 0, line.length);
  const rewritten = parser.rewritten!;
  assert.equal(
    fragmentOf(parser, rewritten, 0, rewritten.length, [0, 2]).toString(),
    encodeCommand('del', 'a b', 'd').toString(),
  );
});

test('redis request: a million arguments are read, one more is refused', () => {
  const request = (count: number): Buffer =>
    Buffer.from(`*${count}\r\n$4\r\nMGET\r\n${'$1\r\nk\r\n'.repeat(count - 1)}`);
  const limit = 1024 * 1024;
  const parser = redisProtocol.createParser(OPTIONS);
  const session = redisProtocol.createSession(1);
  const most = request(limit);
  assert.equal(parser.parse(session, most, 0, most.length), most.length);
  assert.equal(parser.keyCount, limit - 1);
  assert.equal(parser.keyStarts[limit - 2], most.length - 3);
  const more = request(limit + 1);
  assert.equal(parser.parse(session, more, 0, more.length), more.length);
  assert.equal(parser.reply.toString(), '-ERR Protocol error: invalid multibulk length\r\n');
});

test('redis request: an inline one over the limit for requests is refused, wherever it is split', () => {
  const line = Buffer.from(`ECHO ${'v'.repeat(1018)}\n`);
  assert.equal(line.length, 1024);
  const tooLarge = ['-ERR Protocol error: request is larger than the pool accepts\r\n'];
  for (const pieces of [[line], [line.subarray(0, -1)]]) {
    const replies = understand(pieces, { maxRequestBytes: 1023 }).map(({ reply }) => reply);
    assert.deepEqual(replies, pieces[0] === line ? tooLarge : []);
  }
  assert.deepEqual(
    understand([Buffer.concat([line.subarray(0, -1), line])], { maxRequestBytes: 1023 }).map(({ reply }) => reply),
    tooLarge,
  );
  assert.equal(understand([line], { maxRequestBytes: 1024 })[0]?.command, 'echo');
});
