import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressRanges, readRange } from '../../../src/system/address-ranges.ts';

test('peers are in the ranges that have their address, of either version', () => {
  const ranges = new AddressRanges(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);
  const peers = ['10.255.0.1:1', '192.0.2.7:65535', '[2001:db8:1::1]:4711', '[::ffff:10.1.2.3]:1'];
  const others = [
    '11.0.0.1:1',
    '192.0.2.8:1',
    '[2001:db9::1]:4711',
    '[::ffff:11.1.2.3]:1',
    '/run/a.sock',
    'a unix socket',
  ];
  assert.deepEqual(
    peers.map(peer => ranges.covers(peer)),
    peers.map(() => true),
  );
  assert.deepEqual(
    others.map(peer => ranges.covers(peer)),
    others.map(() => false),
  );
});

test('the word unix stands for all that have no address', () => {
  const ranges = new AddressRanges(['unix']);
  assert.deepEqual(
    ['a unix socket', '/run/a.sock', '127.0.0.1:1'].map(peer => ranges.covers(peer)),
    [true, true, false],
  );
});

test('what is no address and no range is refused', () => {
  for (const text of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '2001:db8::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'host',
    '1.2.3.4:5',
    '::1%eth0',
  ]) {
    assert.equal(readRange(text), null, text);
  }
  assert.deepEqual(readRange('10.0.0.0/0'), { address: '10.0.0.0', family: 'ipv4', bits: 0 });
});
