import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import { FAILURE_REASONS } from '../../../../src/request/failure.ts';

test('every failure is one SERVER_ERROR line, the same bytes each time', () => {
  for (const reason of FAILURE_REASONS) {
    const reply = memcachedProtocol.failureReply(reason);
    assert.match(reply.toString('latin1'), /^SERVER_ERROR [^\r\n]+\r\n$/, reason);
    assert.equal(memcachedProtocol.failureReply(reason), reply);
  }
  assert.equal(memcachedProtocol.failureReply('timed_out').toString(), 'SERVER_ERROR Connection timed out\r\n');
});

test('nothing is said to a server on connect', () => {
  assert.deepEqual(memcachedProtocol.handshake({ password: 'p', db: 1, variant: 0 }), []);
});
