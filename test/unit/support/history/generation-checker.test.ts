import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CounterEvent, GENERATION, generationProblem } from '../../../support/history/generation-checker.ts';

const [ONE, TWO] = [GENERATION, 2 * GENERATION];

/** Each `kind value from-until`. */
function problem(final: number | null, ...events: [CounterEvent['kind'], number, number, number][]): string | null {
  return generationProblem(
    events.map(([kind, value, invokedAt, returnedAt]) => ({ kind, value, invokedAt, returnedAt })),
    final,
  );
}

test('steps that overlap, a counter that was lost, and outcomes that nobody knows', () => {
  assert.equal(problem(ONE + 2, ['begin', ONE, 0, 1], ['step', ONE + 2, 2, 4], ['step', ONE + 1, 3, 5]), null);
  assert.equal(problem(TWO, ['begin', ONE, 0, 1], ['step', ONE + 1, 2, 3], ['begin', TWO, 4, 5]), null);
  assert.equal(problem(null, ['begin', ONE, 0, 1]), null);
  const never = Number.POSITIVE_INFINITY;
  assert.equal(problem(ONE + 1, ['begin', ONE, 0, never], ['step', ONE + 1, 2, 3]), null);
  // The first has been asked for before the second is seen.
  assert.equal(problem(TWO, ['begin', ONE, 0, 1], ['read', ONE, 2, 9], ['begin', TWO, 3, 4]), null);
});

test('what comes twice, goes back, or comes back is found', () => {
  assert.match(
    problem(null, ['begin', ONE, 0, 1], ['step', ONE + 1, 2, 3], ['step', ONE + 1, 4, 5])!,
    /^two steps gave/,
  );
  assert.match(
    problem(null, ['begin', ONE, 0, 1], ['step', ONE + 2, 2, 3], ['step', ONE + 1, 4, 5])!,
    /^1000001 was seen after 1000002 had been$/,
  );
  assert.match(problem(ONE, ['begin', ONE, 0, 1], ['step', ONE + 1, 2, 3])!, /^1000000 was seen after 1000001/);
  assert.match(
    problem(null, ['begin', ONE, 0, 1], ['begin', TWO, 2, 3], ['read', ONE, 4, 5])!,
    /^beginning 1 came back after beginning 2 had been seen$/,
  );
  assert.match(problem(ONE, ['begin', ONE, 0, 1], ['begin', TWO, 2, 3])!, /^beginning 1 came back/);
  assert.match(problem(null, ['step', ONE + 1, 0, 1])!, /is of no beginning$/);
});
