import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../src/protocol/memcached/memcached.ts';
import type { Protocol, RequestParser } from '../../../src/protocol/protocol.ts';
import { redisProtocol } from '../../../src/protocol/redis/redis.ts';
import {
  FLAG_AUDITED,
  FLAG_OVERWRITES,
  FLAG_PAUSED_AS_WRITE,
  FLAG_READS,
  FLAG_REMOVES,
  FLAG_RESENDABLE,
  FLAG_VALUES,
  FLAG_WRITES,
} from '../../../src/protocol/routes.ts';
import { encodeCommand } from '../../support/resp-reader.ts';

/** The flags of requests, parsed one after the other by the same parser. */
function flagsOf(protocol: Protocol, requests: readonly Buffer[]): number[] {
  const parser: RequestParser = protocol.createParser({
    poolName: 'p',
    version: '1',
    maxRequestBytes: 1 << 20,
    password: null,
  });
  const session = protocol.createSession(1);
  return requests.map(request => {
    assert.equal(parser.parse(session, request, 0, request.length), request.length);
    return parser.flags;
  });
}

const LOOK = FLAG_READS | FLAG_RESENDABLE | FLAG_VALUES;
const CHANGE = FLAG_READS | FLAG_WRITES;

test('redis: what a command does, by the flags of COMMAND; what COMMAND does not say is taken to write', () => {
  const requests = [
    ['GET', 'a'],
    ['INCR', 'a'],
    ['mget', 'a', 'b'],
    ['SET', 'a', '1'],
    ['SCRIPT', 'FLUSH'],
    ['GET', 'a'],
  ];
  const flags = flagsOf(
    redisProtocol,
    requests.map(words => encodeCommand(...words)),
  );
  const changeKey = CHANGE | FLAG_PAUSED_AS_WRITE;
  assert.deepEqual(flags, [LOOK, changeKey, LOOK, changeKey, FLAG_WRITES | FLAG_AUDITED, LOOK]);
});

test('memcached: a get looks, a gat may be sent again though it changes the expiry time', () => {
  const requests = ['get a\r\n', 'gat 1 a\r\n', 'incr a 1\r\n', 'set a 0 0 1\r\nx\r\n', 'delete a\r\n', 'gets a b\r\n'];
  const flags = flagsOf(
    memcachedProtocol,
    requests.map(text => Buffer.from(text)),
  );
  const [set, remove] = [FLAG_WRITES | FLAG_OVERWRITES, FLAG_WRITES | FLAG_REMOVES];
  assert.deepEqual(flags, [LOOK, CHANGE | FLAG_RESENDABLE | FLAG_VALUES, CHANGE, set, remove, LOOK]);
});
