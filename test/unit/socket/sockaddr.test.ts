import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptName, localText, peerText, SOCKADDR_BYTES } from '../../../src/socket/sockaddr.ts';

function name(family: number, bytes: readonly number[] | string): Buffer {
  const buffer = Buffer.alloc(SOCKADDR_BYTES);
  buffer.writeUInt16LE(family);
  Buffer.from(bytes as string).copy(buffer, 2);
  return buffer;
}

const V4 = name(2, [0x16, 0x2e, 10, 0, 0, 1]);
const V6 = name(10, [0x16, 0x2e, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 7]);

test('addresses are written with their port', () => {
  for (const text of [peerText, localText]) {
    assert.equal(text(V4), '10.0.0.1:5678');
    assert.equal(text(V6), '[2001:db8::7]:5678');
  }
});

test('what is kept of a name says the same once the buffer has another', () => {
  for (const each of [V4, V6]) {
    const buffer = Buffer.from(each);
    const kept = keptName(buffer) as Buffer;
    buffer.fill(0xff);
    assert.equal(peerText(kept), peerText(each));
  }
});

test('a client on a unix socket has no address, whatever it calls its own end', () => {
  for (const path of ['', '/run/client.sock', '10.0.0.1:80', '[::1]:80']) {
    assert.equal(peerText(name(1, path)), '', path);
    assert.equal(keptName(name(1, path)), null, path);
  }
  assert.equal(localText(name(1, '/run/proxy.sock')), '/run/proxy.sock');
});
