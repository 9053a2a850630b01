import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counterProblem } from '../../../support/history/counter-checker.ts';

const increment = (result: number | undefined, invokedAt: number, returnedAt: number) => ({
  result,
  invokedAt,
  returnedAt,
});

test('increments that gave a value of their own each are right, whatever became of those nobody heard of', () => {
  const known = [increment(1, 1, 2), increment(3, 3, 9), increment(2, 4, 5)];
  assert.equal(counterProblem(known, 3), null);
  const unknown = increment(undefined, 6, Number.POSITIVE_INFINITY);
  assert.equal(counterProblem([...known, unknown], 3), null);
  assert.equal(counterProblem([...known, unknown], 4), null);
});

test('lost, doubled and stale increments are found', () => {
  assert.match(counterProblem([increment(1, 1, 2), increment(1, 3, 4)], 2)!, /two increments gave 1/);
  assert.match(counterProblem([increment(2, 1, 2), increment(1, 3, 4)], 2)!, /1 was given after a greater one/);
  assert.match(counterProblem([increment(1, 1, 2), increment(2, 3, 4)], 1)!, /it is 1 after 2/);
  assert.match(counterProblem([increment(1, 1, 2)], 2)!, /it is 2 after 1 increments at most/);
  assert.match(counterProblem([increment(5, 1, 2)], 5)!, /5 was given after 1/);
});
