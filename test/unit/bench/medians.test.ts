import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, pairedRatio } from '../../../bench/load/medians.ts';

test('the median leaves out what is not there', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, null, 1, 2, 3]), 2.5);
  assert.equal(median([null]), null);
});

test('a ratio is the median of the rounds’ own ratios, not the ratio of medians', () => {
  // The machine was twice as slow in the last two rounds, for both.
  assert.deepEqual(pairedRatio([10, 22, 44], [10, 20, 40]), { median: 1.1, min: 1, max: 1.1 });
  assert.equal(pairedRatio([1], [0]), null);
  assert.equal(pairedRatio([null], [1]), null);
});
