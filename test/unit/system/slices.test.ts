import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import { atOnce, inSlices, type Steps } from '../../../src/system/slices.ts';

afterEach(() => mock.restoreAll());

function* counting(to: number, log: string[]): Steps<number> {
  for (let i = 0; i < to; i++) {
    log.push(`step ${i}`);
    yield;
  }
  return to;
}

test('work in steps comes to the same, at once and in slices', async () => {
  assert.equal(atOnce(counting(5, [])), 5);
  assert.equal(await inSlices(counting(5, [])), 5);
  assert.equal(atOnce(counting(0, [])), 0);
});

test('between slices others have their turn, and within one nobody', async () => {
  let nowMs = 0;
  mock.method(performance, 'now', () => nowMs);
  const log: string[] = [];
  const steps = function* (): Steps<void> {
    for (let i = 0; i < 4; i++) {
      log.push(`step ${i}`);
      // Two steps are a slice.
      nowMs += 2;
      yield;
    }
  };
  setImmediate(() => log.push('other'));
  await inSlices(steps());
  assert.deepEqual(log, ['step 0', 'step 1', 'other', 'step 2', 'step 3']);
});

test('what a step throws is thrown, or rejects', async () => {
  // biome-ignore lint/correctness/useYield: it does not come to its first step
  const failing = function* (): Steps<void> {
    throw new Error('no');
  };
  assert.throws(() => atOnce(failing()), /^Error: no$/);
  await assert.rejects(inSlices(failing()), /^Error: no$/);
});
