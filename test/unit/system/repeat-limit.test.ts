import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPEATS_PER_WINDOW, RepeatLimit, WINDOW_MS } from '../../../src/system/repeat-limit.ts';

function limited() {
  const told: unknown[] = [];
  const limit = new RepeatLimit((level, fields, message) => told.push([level, fields, message]));
  return { limit, told };
}

const times = (count: number, run: () => boolean) => Array.from({ length: count }, run).filter(Boolean).length;

test('a source says so much of one thing; what it says more is told as a number at the end of the window', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { limit, told } = limited();
  assert.equal(
    times(605, () => limit.allows(50, { server: 'a', bytes: Math.random() }, 'bad reply')),
    REPEATS_PER_WINDOW,
  );
  assert.equal(
    times(3, () => limit.allows(50, { server: 'b' }, 'bad reply')),
    3,
  );
  assert.equal(
    times(3, () => limit.allows(40, { server: 'a' }, 'timed out')),
    3,
  );
  assert.equal(limit.heldBack, 605 - REPEATS_PER_WINDOW);
  t.mock.timers.tick(WINDOW_MS);
  const more = 605 - REPEATS_PER_WINDOW;
  assert.deepEqual(told, [[50, { server: 'a', more }, `${more} more like this: bad reply`]]);
  assert.equal(limit.allows(50, { server: 'a' }, 'bad reply'), true);
  t.mock.timers.tick(WINDOW_MS);
  assert.equal(told.length, 1);
});

test('however many sources there are, they are bounded', () => {
  const { limit } = limited();
  let lines = 0;
  for (let i = 0; i < 5000; i++) if (limit.allows(50, { server: `s${i}` }, 'bad reply')) lines++;
  assert.equal(lines, 1000 + REPEATS_PER_WINDOW);
});
