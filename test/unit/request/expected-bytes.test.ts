import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedBytesAfter } from '../../../src/request/expected-bytes.ts';

test('the next reply is expected to be as large as the last one, or, after larger ones, a step nearer to it', () => {
  assert.equal(expectedBytesAfter(100, 0), 100);
  assert.equal(expectedBytesAfter(100, 100), 100);
  let expected = 1_000_000;
  for (let step = 0, before = expected; expected > 5; step++, before = expected) {
    expected = expectedBytesAfter(5, expected);
    assert.ok(expected < before && expected >= 5, `${before} → ${expected}`);
    assert.ok(step < 150);
  }
  assert.equal(expectedBytesAfter(5, 5), 5);
});

test('no reply is so large that what is expected after it is not less again', () => {
  let expected = expectedBytesAfter(2 ** 40, 0);
  for (let i = 0; i < 200; i++) expected = expectedBytesAfter(0, expected);
  assert.equal(expected, 0);
});
