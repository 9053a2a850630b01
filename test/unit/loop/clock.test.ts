import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from '../../../src/loop/clock.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { waitFor } from '../../support/wait-for.ts';

test('every listener is called on each tick, with a fresh time, until it is taken off or the clock stops', async () => {
  const clock = new Clock(new Turn());
  const first: number[] = [];
  const second: number[] = [];
  const endFirst = clock.onTick(() => first.push(clock.nowMs));
  clock.onTick(() => second.push(clock.nowMs));
  // The clock's timer holds no process open.
  const hold = setInterval(() => {}, 1000);
  clock.start(1);
  await waitFor(() => first.length >= 3, { what: 'three ticks' });
  endFirst();
  const count = first.length;
  const seen = second.length;
  await waitFor(() => second.length >= seen + 3, { what: 'three ticks more' });
  clock.stop();
  clearInterval(hold);
  assert.equal(first.length, count);
  assert.ok(second.every((now, i) => i === 0 || now > (second[i - 1] as number)));
});
