import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaks } from '../../../src/mover/breaks.ts';

test('breaks grow while one of two servers is slow, and are the least again once neither is', async () => {
  const waited: number[] = [];
  let nowMs = 0;
  const answeringIn = (ms: number) => async () => {
    nowMs += ms;
  };
  const breaks = new Breaks(
    async ms => void waited.push(ms),
    () => nowMs,
  );
  const times = { least: 1, unit: 2 };
  for (const ms of [0.2, 20, 20, 20]) await breaks.take(times, [answeringIn(0.2), answeringIn(ms)]);
  await breaks.take(times, [answeringIn(0.2)]);
  assert.deepEqual(waited, [1, 1, 3, 7, 15]);
  for (let i = 0; i < 10; i++) await breaks.take(times, [answeringIn(0.2)]);
  assert.equal(waited.at(-1), 1);
});

test('servers that are not slow get none where none is wanted', async () => {
  const breaks = new Breaks(
    () => assert.fail('nobody waits'),
    () => 0,
  );
  for (let i = 0; i < 3; i++) await breaks.take({ least: 0, unit: 5 }, [async () => {}]);
});
