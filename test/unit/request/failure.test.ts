import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { FAILURE_REASONS, FAILURE_TEXT, failureFromErrno } from '../../../src/request/failure.ts';
import { freePort } from '../../support/free-port.ts';

test('every reason has words, on one line', () => {
  for (const reason of FAILURE_REASONS) assert.match(FAILURE_TEXT[reason], /^[ -~]+$/);
});

test('codes of real sockets become their reasons', async () => {
  const codeOf = async (target: { port: number; host: string } | { path: string }) => {
    const [error] = (await once(connect(target), 'error').catch(error => [error])) as [NodeJS.ErrnoException];
    return error.code;
  };
  const port = await freePort();
  assert.equal(failureFromErrno(await codeOf({ port, host: '127.0.0.1' })), 'connection_refused');
  assert.equal(failureFromErrno(await codeOf({ port, host: 'no-such-name.invalid' })), 'host_down');
  assert.equal(failureFromErrno(await codeOf({ path: '/nowhere/at.sock' })), 'connection_refused');
});

test('a code that is not known is an input/output error', () => {
  assert.equal(failureFromErrno('EWHATEVER'), 'io_error');
  assert.equal(failureFromErrno(undefined), 'io_error');
});
