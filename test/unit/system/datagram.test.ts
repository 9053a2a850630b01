import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasDatagrams, sendDatagram } from '../../../src/system/datagram.ts';
import { openNotifySocket } from '../../support/notify-socket.ts';

const skip = hasDatagrams ? false : 'there is no node:ffi here';

for (const name of [undefined, `@ringmaster-test-${process.pid}`]) {
  test(`a datagram arrives whole ${name === undefined ? 'by a path' : 'by an abstract name'}`, { skip }, t => {
    const socket = openNotifySocket(name);
    t.after(() => socket.close());
    assert.equal(sendDatagram(socket.path, 'A=1\nB=ü'), true);
    assert.equal(sendDatagram(socket.path, 'C=3'), true);
    assert.deepEqual(socket.heard(), [['A=1', 'B=ü'], ['C=3']]);
  });
}

test('what nobody takes is not sent, and nothing waits for it', { skip }, t => {
  assert.equal(sendDatagram('/nowhere/at/all', 'A=1'), false);
  assert.equal(sendDatagram(`/${'x'.repeat(200)}`, 'A=1'), false);
  const socket = openNotifySocket();
  t.after(() => socket.close());
  // Its queue is full some time.
  let sent = 0;
  while (sent < 100_000 && sendDatagram(socket.path, 'A=1')) sent++;
  assert.ok(sent < 100_000);
  assert.equal(socket.heard().length, sent);
});
