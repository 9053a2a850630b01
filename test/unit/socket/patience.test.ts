import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from '../../../src/socket/patience.ts';

/** At how many of a thousand chances it waits; `isInVain` says what comes of the n-th wait. */
function waitsWhen(isInVain: (wait: number) => boolean, patience = new Patience()): number {
  let waits = 0;
  for (let chance = 0; chance < 1000; chance++) {
    if (!patience.hasAny()) continue;
    if (isInVain(waits++)) patience.wasInVain();
    else patience.wasRewarded();
  }
  return waits;
}

test('it waits at every chance while four of five waits are rewarded', () => {
  assert.equal(
    waitsWhen(() => false),
    1000,
  );
  assert.equal(
    waitsWhen(wait => wait % 5 === 0),
    1000,
  );
});

test('it waits rarely when most waits are in vain, and never stops trying', () => {
  const always = waitsWhen(() => true);
  assert.ok(always < 30, `${always} waits`);
  assert.ok(always > 15, `${always} waits`);
  const everySecond = waitsWhen(wait => wait % 2 === 0);
  assert.ok(everySecond < 100, `${everySecond} waits`);
});

test('when times have changed it waits at every chance again', () => {
  const patience = new Patience();
  waitsWhen(() => true, patience);
  waitsWhen(() => false, patience);
  assert.equal(
    waitsWhen(wait => wait % 5 === 0, patience),
    1000,
  );
});
