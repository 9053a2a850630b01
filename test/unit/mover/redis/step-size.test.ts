import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepSize } from '../../../../src/mover/redis/step-size.ts';

const keys = Array.from({ length: 1000 }, () => ({ bytes: 100 }));

test('steps grow while they are short, and shrink when they are not', () => {
  const step = new StepSize();
  const first = step.batch(keys, 0).length;
  step.took(first, first * 100, 0.5);
  const second = step.batch(keys, 0).length;
  assert.ok(second > first);
  for (let i = 0; i < 20; i++) step.took(step.batch(keys, 0).length, 3200, 50);
  assert.equal(step.batch(keys, 0).length, 1);
});

test('a large key is a step of its own, and there is always a step', () => {
  const step = new StepSize();
  const group = [{ bytes: 10 }, { bytes: 50_000_000 }, { bytes: 10 }];
  assert.equal(step.batch(group, 0).length, 1);
  assert.equal(step.batch(group, 1).length, 1);
  assert.equal(step.batch(group, 2).length, 1);
});
