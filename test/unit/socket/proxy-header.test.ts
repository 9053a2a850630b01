import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROXY_HEADER_MAX_BYTES, readProxyHeader } from '../../../src/socket/proxy-header.ts';
import { type ProxyTwo, proxyTwo } from '../../support/proxy-headers.ts';

const read = (bytes: Buffer) => readProxyHeader(bytes, bytes.length);

/** Each is to be read so, with whatever follows, and not before its last byte. */
const GOOD: readonly (readonly [string, Buffer, string | null, string | null])[] = [
  ['TCP4', Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 4711 6379\r\n'), '192.0.2.7:4711', '10.0.0.1:6379'],
  ['TCP6', Buffer.from('PROXY TCP6 2001:db8:0:0::7 ::1 1 65535\r\n'), '[2001:db8::7]:1', '[::1]:65535'],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), null, null],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), null, null],
  [
    '2, TCP4',
    proxyTwo({ source: '192.0.2.7', target: '10.0.0.1', ports: [4711, 6379] }),
    '192.0.2.7:4711',
    '10.0.0.1:6379',
  ],
  ['2, TCP6', proxyTwo({ source: '2001:db8::7', target: '::1', ports: [1, 2] }), '[2001:db8::7]:1', '[::1]:2'],
  [
    '2, with more behind the addresses',
    proxyTwo({ source: '192.0.2.7', target: '10.0.0.1', ports: [4711, 6379], more: Buffer.alloc(300, 3) }),
    '192.0.2.7:4711',
    '10.0.0.1:6379',
  ],
  ['2, LOCAL', proxyTwo({ command: 0, family: 0 }), null, null],
  ['2, of an unknown family', proxyTwo({ family: 0x31, more: Buffer.alloc(216) }), null, null],
];

for (const [name, bytes, peer, local] of GOOD) {
  test(`${name} is read when its last byte has come, and not before`, () => {
    for (let length = 0; length < bytes.length; length++)
      assert.equal(readProxyHeader(bytes, length), null, `${length}`);
    for (const after of ['', 'PROXY TCP4 ', '*1\r\n$4\r\nPING\r\n']) {
      assert.deepEqual(read(Buffer.concat([bytes, Buffer.from(after)])), { bytes: bytes.length, peer, local });
    }
  });
}

const two = (change: Partial<ProxyTwo>) =>
  proxyTwo({ source: '192.0.2.7', target: '10.0.0.1', ports: [1, 2], ...change });

const BAD: readonly (readonly [Buffer, RegExp])[] = [
  [Buffer.from('*1\r\n$4\r\nPING\r\n'), /does not begin with a header/],
  [Buffer.from('PROXZ'), /does not begin with a header/],
  [Buffer.from('\r\n\r\n\0\r\nQUIX'), /does not begin with a header/],
  [Buffer.from('PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n'), /neither TCP4/],
  [Buffer.from('PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n'), /no addresses/],
  [Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'), /no addresses/],
  [Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n'), /no ports/],
  [Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n'), /no ports/],
  [Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}`), /does not end/],
  [two({ version: 1 }), /unknown version/],
  [two({ command: 2 }), /unknown command/],
  [proxyTwo({ family: 0x11, more: Buffer.alloc(11) }), /too short/],
  [two({ more: Buffer.alloc(PROXY_HEADER_MAX_BYTES) }), /is over/],
];

for (const [bytes, why] of BAD) {
  test(`${JSON.stringify(bytes.toString('latin1', 0, 40))} is refused: ${why.source}`, () =>
    assert.throws(() => read(bytes), why));
}
