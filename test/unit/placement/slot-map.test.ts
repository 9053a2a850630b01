import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlot, SLOTS } from '../../../src/hash/key-slot.ts';
import { NO_OWNER, SlotMap } from '../../../src/placement/slot-map.ts';

const ADDRESSES = [['a:1', 'alias:1'], ['b:2'], ['[::1]:3']];
const key = Buffer.from('k');
const SLOT = keySlot(key, 0, 1);

test('a slot is of the server whose range it is in, both ends included', () => {
  const map = new SlotMap({ addresses: ADDRESSES, ranges: [0, SLOT - 1, 0, SLOT, SLOT, 1, SLOT + 1, SLOTS - 1, 2] });
  assert.equal(map.pick(key, 0, 1), 1);
  assert.deepEqual([map.owners[0], map.owners[SLOT - 1], map.owners[SLOT + 1], map.owners[SLOTS - 1]], [0, 0, 2, 2]);
});

test('what is in no range nobody has', () => {
  const map = new SlotMap({ addresses: ADDRESSES, ranges: [SLOT + 1, SLOTS - 1, 0] });
  assert.equal(map.pick(key, 0, 1), NO_OWNER);
  assert.equal(map.isEmpty, false);
});

test('servers are known by all that they are called', () => {
  const map = new SlotMap({ addresses: ADDRESSES, ranges: [] });
  assert.deepEqual(
    ['a:1', 'alias:1', 'b:2', '[::1]:3', 'b:1', ''].map(address => map.serverAt(address)),
    [0, 0, 1, 2, NO_OWNER, NO_OWNER],
  );
});

test('16,384 ranges of one slot each', () => {
  const ranges = Array.from({ length: SLOTS }, (_, slot) => [slot, slot, slot % 3]).flat();
  const map = new SlotMap({ addresses: ADDRESSES, ranges });
  assert.ok(map.owners.every((owner, slot) => owner === slot % 3));
});

test('without servers it is empty, and nobody is ejected', () => {
  const map = new SlotMap({ addresses: [], ranges: [] });
  assert.equal(map.isEmpty, true);
  map.setLive();
  assert.equal(map.pick(key, 0, 1), NO_OWNER);
});
