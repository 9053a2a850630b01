import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Largest } from '../../../src/figures/largest.ts';

test('the largest stay, each item once with its largest, and what has no place is told by a comparison', () => {
  const largest = new Largest(3, 10);
  assert.equal(largest.least, 10);
  largest.add('tiny', 10, 'get');
  for (const [item, size] of [
    ['a', 50],
    ['b', 20],
    ['a', 40],
    ['c', 30],
  ] as const) {
    largest.add(item, size, 'get');
  }
  assert.equal(largest.least, 20);
  largest.add('d', 20, 'get');
  largest.add('e', 60, 'mget');
  largest.add('c', 35, 'set');
  assert.deepEqual(largest.list(), [
    { item: 'e', size: 60, command: 'mget' },
    { item: 'a', size: 50, command: 'get' },
    { item: 'c', size: 35, command: 'set' },
  ]);
  assert.equal(largest.least, 35);
  largest.clear();
  assert.deepEqual([largest.list(), largest.least], [[], 10]);
});
