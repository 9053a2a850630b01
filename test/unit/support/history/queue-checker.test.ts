import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyQueue, queueProblem } from '../../../support/history/queue-checker.ts';

function queue(pushed: string, popped: string, lostPops = 0) {
  const history = emptyQueue();
  // A question mark: nobody knows whether it was pushed.
  for (const value of pushed.split(' ').filter(Boolean)) {
    history.pushes.push({ value: value.replace('?', ''), isKnown: !value.endsWith('?') });
  }
  history.pops.push(...popped.split(' ').filter(Boolean));
  history.lostPops = lostPops;
  return history;
}

test('what was pushed was popped or is there, once', () => {
  assert.equal(queueProblem(queue('a b c', 'b'), ['a', 'c']), null);
  assert.equal(queueProblem(queue('a b?', 'a'), []), null);
  assert.equal(queueProblem(queue('a b?', 'a b'), []), null);
  assert.equal(queueProblem(queue('a b', 'a', 1), []), null);
});

test('what is lost, comes twice, or was never pushed is found', () => {
  assert.match(queueProblem(queue('a b', 'a'), [])!, /^1 values are lost, b is one, and 0 pops/);
  assert.match(queueProblem(queue('a b c', '', 1), ['a'])!, /^2 values are lost, b is one, and 1 pops/);
  assert.equal(queueProblem(queue('a', 'a a'), []), 'a came twice');
  assert.equal(queueProblem(queue('a', 'a'), ['a']), 'a came twice');
  assert.equal(queueProblem(queue('a', 'a x'), []), 'x was never pushed');
});
