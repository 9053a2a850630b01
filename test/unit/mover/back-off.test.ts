import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from '../../../src/mover/back-off.ts';

const after = (...answersMs: number[]): number => {
  const backOff = new BackOff();
  for (const ms of answersMs) backOff.answered(ms);
  return backOff.factor;
};
const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

test('servers that are late are left alone longer, up to a bound, and as ever once they are not', () => {
  assert.equal(after(0.2, 0.3, 0.25), 1);
  assert.equal(after(0.2, 10), 2);
  assert.equal(after(0.2, 10, 10, 10), 8);
  assert.equal(after(0.2, ...times(50, 10)), 32);
  assert.equal(after(0.2, ...times(50, 10), ...times(20, 0.3)), 1);
});

test('what is late is said by the quickest answer, and a late one now and then changes little', () => {
  assert.equal(after(20, 30, 25, 40), 1);
  assert.ok(after(20, 61) > 1);
  const now = Array.from({ length: 100 }, () => [0.2, 0.2, 0.2, 0.2, 9]).flat();
  assert.ok(after(0.2, ...now) <= 2);
});

test('a way that has become longer for good is taken for usual in the end', () => {
  assert.ok(after(0.2, ...times(50, 20)) > 1);
  assert.equal(after(0.2, ...times(1000, 20)), 1);
});
