import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAP_WINDOW_MS, FlapPenalty } from '../../../src/placement/flap-penalty.ts';

test('doubles with each fall soon after a return, up to a bound, and forgets when the return lasted', () => {
  const penalty = new FlapPenalty();
  const factors: number[] = [];
  let nowMs = 0;
  const fallAfter = (upMs: number) => {
    nowMs += upMs;
    penalty.wentDown(nowMs);
    factors.push(penalty.factor);
    // However long it was out: what counts is how long it then stays.
    nowMs += 3_600_000;
    penalty.cameBack(nowMs);
  };
  for (let i = 0; i < 8; i++) fallAfter(FLAP_WINDOW_MS - 1);
  assert.deepEqual(factors, [1, 2, 4, 8, 16, 32, 32, 32]);
  factors.length = 0;
  fallAfter(FLAP_WINDOW_MS);
  fallAfter(0);
  assert.deepEqual(factors, [1, 2]);
});
