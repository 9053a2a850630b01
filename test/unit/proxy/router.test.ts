import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../src/protocol/memcached/memcached.ts';
import type { Protocol } from '../../../src/protocol/protocol.ts';
import { redisProtocol } from '../../../src/protocol/redis/redis.ts';
import type { RequestOrigin } from '../../../src/proxy/request-origin.ts';
import { Router } from '../../../src/proxy/router.ts';
import type { FailureReason } from '../../../src/request/failure.ts';
import type { Request } from '../../../src/request/request.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import { FakePool, ROOMY_LIMITS } from '../../support/fake-pool.ts';
import { IdleOrigin } from '../../support/idle-origin.ts';
import { ReplyCollector } from '../../support/reply-collector.ts';
import { redisWords } from '../../support/request-splitter.ts';
import { encodeCommand } from '../../support/resp-reader.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

class Origin extends IdleOrigin implements RequestOrigin {
  override variant = 0;
  override peer = '10.0.0.1:7';
  readonly requests: Request[] = [];
  /** Replies and failures, in the order they settled. */
  readonly settled: string[] = [];

  enqueue(request: Request): void {
    this.requests.push(request);
  }

  answer(bytes: Buffer, closesClient: boolean): void {
    this.settled.push(`${bytes.toString('latin1')}${closesClient ? ' and closes' : ''}`);
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number): void {
    this.settled.push(buf.toString('latin1', start, end));
  }

  onPart(): void {}

  onCoalesced(request: Request): void {
    const out = new ReplyCollector();
    request.releaseTo(out);
    this.settled.push(out.text());
  }

  onFailure(_request: Request, reason: FailureReason): void {
    this.settled.push(reason);
  }

  failWith(_request: Request, words: Buffer): void {
    this.settled.push(words.toString('latin1'));
  }
}

function routing(backends: number, protocol: Protocol = redisProtocol, sendsToFirstKey = false) {
  const pool = new FakePool(backends);
  const router = new Router(pool.asPool(), protocol, sendsToFirstKey, ROOMY_LIMITS);
  const parser = protocol.createParser({ poolName: 'p', version: '1.0.0', maxRequestBytes: 1 << 20, password: null });
  const origin = new Origin();
  const session = protocol.createSession(1);
  const dispatch = (request: Buffer) => {
    // With something before and after it, as in a pipeline.
    const buf = Buffer.concat([Buffer.from('##'), request, Buffer.from('##')]);
    assert.equal(parser.parse(session, buf, 2, buf.length - 2), buf.length - 2);
    const bytes = new RequestBytes().set(buf, 2, buf.length - 2, null);
    bytes.cut(parser.cutStart, parser.cutEnd);
    router.dispatch(origin, parser, bytes);
  };
  const send = (...words: string[]) => dispatch(encodeCommand(...words));
  /** What each backend was sent, as words. */
  const words = () =>
    pool.backends.map(({ sent }) => sent.map(({ bytes }) => redisWords(bytes).map(word => word.toString('latin1'))));
  return { pool, origin, dispatch, send, words };
}

test('a request with one key goes to its server as it came', () => {
  const { send, words, origin } = routing(3);
  send('GET', '1key');
  send('SET', '2key', 'value');
  assert.deepEqual(words(), [[], [['GET', '1key']], [['SET', '2key', 'value']]]);
  assert.equal(origin.requests.length, 2);
});

test('a multi-key request is split by server, its keys in their order, and merged in the order asked', () => {
  const { send, words, pool, origin } = routing(3);
  send('MGET', '2a', '0a', '2b', '1a', '0b', '2c');
  assert.deepEqual(words(), [[['MGET', '0a', '0b']], [['MGET', '1a']], [['MGET', '2a', '2b', '2c']]]);
  assert.equal(pool.stats.fragments, 3);
  assert.equal(origin.requests.length, 1);
  const values = (...keys: string[]) => `*${keys.length}\r\n${keys.map(key => `$2\r\n${key}\r\n`).join('')}`;
  pool.backends[1]!.take().reply(values('1a'));
  pool.backends[0]!.take().reply(values('0a', '0b'), 3);
  assert.deepEqual(origin.settled, []);
  pool.backends[2]!.take().reply(values('2a', '2b', '2c'), 1);
  assert.deepEqual(origin.settled, [values('2a', '0a', '2b', '1a', '0b', '2c')]);
});

test('servers that come and go need no new router', () => {
  const { send, words, pool } = routing(1);
  send('MGET', '0a', '1b');
  pool.resize(3);
  send('MGET', '0a', '1b', '2c');
  assert.deepEqual(words(), [
    [
      ['MGET', '0a', '1b'],
      ['MGET', '0a'],
    ],
    [['MGET', '1b']],
    [['MGET', '2c']],
  ]);
  pool.resize(2);
  send('MGET', '2d', '1e');
  assert.deepEqual(
    words().map(sent => sent.at(-1)),
    [
      ['MGET', '2d'],
      ['MGET', '1e'],
    ],
  );
});

test('MSET keeps each value with its key', () => {
  const { send, words } = routing(2);
  send('MSET', '1a', 'A', '0b', 'B', '1c', 'C');
  assert.deepEqual(words(), [[['MSET', '0b', 'B']], [['MSET', '1a', 'A', '1c', 'C']]]);
});

test('keys that are all on one server are not split', () => {
  const { send, words, pool } = routing(2);
  send('DEL', '1a', '1b', '1c');
  assert.deepEqual(words(), [[], [['DEL', '1a', '1b', '1c']]]);
  assert.equal(pool.stats.fragments, 0);
});

test('any number of keys over any number of servers: each key reaches its server once', () => {
  const random = new SeededRandom(11);
  for (let round = 0; round < 60; round++) {
    const { send, words, origin, pool } = routing(random.between(1, 10));
    const keys = Array.from({ length: random.pick([2, 3, 63, 64, 65, 500]) }, (_, i) => `${random.between(0, 9)}:${i}`);
    send('EXISTS', ...keys);
    const want = pool.backends.map((_, b) => keys.filter(key => Number(key[0]) % pool.backends.length === b));
    const got = words().map(requests => {
      assert.ok(requests.length <= 1);
      return requests[0]?.slice(1) ?? [];
    });
    assert.deepEqual(got, want);
    for (const { sent } of pool.backends) for (const request of sent) request.reply(':1\r\n');
    const parts = want.filter(each => each.length > 0).length;
    assert.deepEqual(origin.settled, [`:${parts}\r\n`]);
  }
});

test('fragments that fail before they are sent fail the whole once, also when only some do', () => {
  for (const failing of [[0], [1], [0, 1, 2], [2]]) {
    const { send, pool, origin } = routing(3);
    for (const index of failing) pool.backends[index]!.failsWith = 'connection_refused';
    send('MGET', '0a', '1a', '2a');
    for (const backend of pool.backends) {
      if (backend.failsWith === null) backend.take().reply('*1\r\n$1\r\nx\r\n');
    }
    assert.deepEqual(origin.settled, ['connection_refused'], `failing: ${failing}`);
  }
});

test('a command that cannot be split is refused when its keys are on different servers', () => {
  const { send, words, origin, pool } = routing(2);
  send('SINTER', '0a', '1b');
  assert.deepEqual(words(), [[], []]);
  assert.equal(origin.settled.length, 1);
  assert.match(origin.settled[0]!, /^-ERR keys of this command are on different servers/);
  assert.equal(pool.stats.forwardError, 1);
  send('SINTER', '0a', '0b');
  assert.deepEqual(words(), [[['SINTER', '0a', '0b']], []]);
});

test("… or goes to the first key's server where the pool says so", () => {
  const { send, words } = routing(2, redisProtocol, true);
  send('SINTER', '1a', '0b');
  assert.deepEqual(words(), [[], [['SINTER', '1a', '0b']]]);
});

test('with every server ejected, whatever needs one fails at once', () => {
  for (const [protocol, request] of [
    [redisProtocol, encodeCommand('GET', '0a')],
    [redisProtocol, encodeCommand('MGET', '0a', '1b')],
    [redisProtocol, encodeCommand('SINTER', '0a', '1b')],
    [redisProtocol, encodeCommand('DBSIZE')],
    [memcachedProtocol, Buffer.from('get 0a 1b\r\n')],
    [memcachedProtocol, Buffer.from('flush_all\r\n')],
  ] as const) {
    const { dispatch, pool, origin } = routing(2, protocol);
    for (const backend of pool.backends) backend.isEjected = true;
    dispatch(request);
    assert.deepEqual(origin.settled, ['no_backend'], request.toString());
  }
});

test('what goes to all servers goes to those that are in the ring', () => {
  const { dispatch, pool, origin } = routing(3, memcachedProtocol);
  pool.backends[1]!.isEjected = true;
  dispatch(Buffer.from('flush_all\r\n'));
  assert.deepEqual(
    pool.backends.map(backend => backend.sent.map(sent => sent.text)),
    [['flush_all\r\n'], [], ['flush_all\r\n']],
  );
  pool.backends[2]!.take().reply('OK\r\n');
  assert.deepEqual(origin.settled, []);
  pool.backends[0]!.take().reply('OK\r\n');
  assert.deepEqual(origin.settled, ['OK\r\n']);
});

test('noreply is cut out of what is forwarded', () => {
  const { dispatch, pool, origin } = routing(1, memcachedProtocol);
  dispatch(Buffer.from('set 0a 0 0 1 noreply\r\nx\r\n'));
  assert.equal(pool.backends[0]!.take().text, 'set 0a 0 0 1\r\nx\r\n');
  assert.equal(origin.requests[0]!.isSilent, true);
});
