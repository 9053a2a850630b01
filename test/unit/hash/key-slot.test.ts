import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlot } from '../../../src/hash/key-slot.ts';

const slotOf = (key: string) => {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
};

test('slots are those that CLUSTER KEYSLOT of redis-server 7.0.15 tells', () => {
  for (const [key, slot] of [
    ['', 0],
    ['foo', 12_182],
    ['123456789', 12_739],
  ] as const) {
    assert.equal(slotOf(key), slot, key);
  }
});

test('of what stands in the first braces, if anything does', () => {
  assert.equal(slotOf('{user1000}.following'), slotOf('user1000'));
  assert.equal(slotOf('a{foo}{bar}'), slotOf('foo'));
  assert.equal(slotOf('foo{{bar}}zap'), slotOf('{bar'));
  assert.notEqual(slotOf('foo{}{bar}'), slotOf('bar'));
  assert.notEqual(slotOf('foo{bar'), slotOf('bar'));
});

test('bytes before and after the key are none of it', () => {
  const bytes = Buffer.from('xx{foo}yy');
  assert.equal(keySlot(bytes, 2, 7), slotOf('foo'));
  assert.equal(keySlot(bytes, 0, 5), slotOf('xx{fo'));
});
