import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import {
  REPLY_META,
  REPLY_META_STORED,
  REPLY_VALUES,
  REPLY_VERSION,
} from '../../../../src/protocol/memcached/reply-scanner.ts';
import { FAILURE_REASONS } from '../../../../src/request/failure.ts';

test('every failure is one SERVER_ERROR line, the same bytes each time', () => {
  for (const reason of FAILURE_REASONS) {
    const reply = memcachedProtocol.failureReply(reason);
    assert.match(reply.toString('latin1'), /^SERVER_ERROR [^\r\n]+\r\n$/, reason);
    assert.equal(memcachedProtocol.failureReply(reason), reply);
  }
  assert.equal(memcachedProtocol.failureReply('timed_out').toString(), 'SERVER_ERROR Connection timed out\r\n');
});

const handshake = (password: string | null, isDemanding: boolean) =>
  memcachedProtocol.handshake({
    credentials: password === null ? null : { user: 'user', password },
    db: 0,
    variant: 0,
    isDemanding,
  });
const said = (password: string | null, isDemanding: boolean): string[] =>
  handshake(password, isDemanding).map(({ bytes }) => bytes.toString('latin1'));

test('a server is asked for its version on connect where there are meta commands, after the password', () => {
  assert.deepEqual(said(null, false), []);
  assert.deepEqual(said(null, true), ['version\r\n']);
  const password = 'set ringmaster 0 0 14\r\nuser pass:word\r\n';
  assert.deepEqual(said('pass:word', false), [password]);
  assert.deepEqual(said('pass:word', true), [password, 'version\r\n']);
});

test('what a server answers on connect is right, or says why not', () => {
  const [password, version] = handshake('pass', true);
  const check = (reply: string) => version!.check(Buffer.from(reply));
  for (const reply of ['VERSION 1.6.18\r\n', 'VERSION 1.4.5\r\n', 'VERSION x\r\n', 'ERROR\r\n']) {
    assert.equal(check(reply), null, reply);
  }
  for (const reply of ['ERROR Too many open connections\r\n', 'CLIENT_ERROR unauthenticated\r\n', 'OK\r\n']) {
    assert.match(check(reply) ?? '', /^answered "/, reply);
  }
  assert.equal(version!.failure(Buffer.from('CLIENT_ERROR unauthenticated\r\n')), 'server_auth');
  assert.equal(version!.failure(Buffer.from('SERVER_ERROR busy\r\n')), 'server_garbage');
  assert.equal(password!.check(Buffer.from('STORED\r\n')), null);
  assert.match(password!.check(Buffer.from('CLIENT_ERROR unauthenticated\r\n')) ?? '', /to the password/);
  assert.equal(password!.failure(Buffer.from('ERROR\r\n')), 'server_auth');
});

for (const [version, isNew] of [
  ['1.6.18', true],
  ['1.6.12', true],
  ['1.6.11', false],
  ['1.6.9_3', false],
  ['1.5.22', false],
  ['1.10.0', true],
  ['2.0.0', true],
  ['1.6', false],
  ['unknown', false],
] as const) {
  test(`a server of version ${version} ${isNew ? 'gets' : 'gets no'} meta commands`, () => {
    const scanner = memcachedProtocol.createReplyScanner();
    assert.ok(scanner.highestReplyKind >= REPLY_META_STORED, 'not known yet');
    const reply = Buffer.from(`VERSION ${version}\r\n`);
    scanner.begin(REPLY_VERSION);
    assert.equal(scanner.scan(reply, 0, reply.length), reply.length);
    assert.equal(scanner.highestReplyKind >= REPLY_META_STORED, isNew);
    assert.equal(scanner.highestReplyKind >= REPLY_META, isNew);
    assert.ok(scanner.highestReplyKind >= REPLY_VALUES);
  });
}
