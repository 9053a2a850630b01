import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../../src/mover/pace.ts';

test('bytes pass at the pace, whatever their sizes', () => {
  let nowMs = 0;
  const pace = new Pace(1000, () => nowMs);
  let bytes = 0;
  for (const size of [1, 500, 30, 4000, 7, 100, 1200, 3]) {
    nowMs += pace.reserve(size);
    bytes += size;
  }
  assert.ok(Math.abs(nowMs - bytes) < 1, `${bytes} bytes after ${nowMs} ms`);
});

test('a pause saves up a tenth of a second and no more', () => {
  let nowMs = 0;
  const pace = new Pace(1000, () => nowMs);
  nowMs = 60_000;
  assert.equal(pace.reserve(100), 0);
  assert.equal(Math.round(pace.reserve(50)), 50);
});

test('another pace holds from then on', () => {
  let nowMs = 0;
  const pace = new Pace(1000, () => nowMs);
  nowMs += pace.reserve(1000);
  pace.set(100);
  assert.equal(Math.round(pace.reserve(100)), 1000);
});
