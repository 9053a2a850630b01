import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent } from '../../../src/figures/recent.ts';
import { SpaceSaving } from '../../../src/figures/space-saving.ts';

function recentOf(nowMs: number) {
  const recent = new Recent(() => new SpaceSaving(8), 1000, nowMs);
  const told = () => [recent.previous.total, recent.current.total];
  return { recent, told };
}

test('the last one to two periods are told, and how long that is', () => {
  const { recent, told } = recentOf(5000);
  recent.at(5999).add('a', 1);
  assert.deepEqual([told(), recent.coveredMs(5999)], [[0, 1], 999]);
  recent.at(6000).add('a', 2);
  recent.at(6999).add('a', 3);
  assert.deepEqual([told(), recent.coveredMs(6999)], [[1, 5], 1999]);
  recent.at(7000).add('a', 4);
  assert.deepEqual([told(), recent.coveredMs(7500)], [[5, 4], 1500]);
});

test('what is too old is gone, also when nobody came for long', () => {
  const { recent, told } = recentOf(0);
  recent.at(10).add('a', 1);
  recent.at(2500).add('a', 2);
  assert.deepEqual([told(), recent.coveredMs(2600)], [[0, 2], 100]);
  recent.clear(3000);
  assert.deepEqual([told(), recent.coveredMs(3001)], [[0, 0], 1]);
});
