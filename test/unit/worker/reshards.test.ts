import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReshardPhase, ReshardState } from '../../../src/ipc/reshard-state.ts';
import { Reshards } from '../../../src/worker/reshards.ts';
import { poolOf } from '../../support/reshard-under-test.ts';

const FROM = poolOf({ servers: ['127.0.0.1:1:1 a'] });
const TO = poolOf({ servers: ['127.0.0.1:1:1 a', '127.0.0.1:2:1 b'] });
const NAME = FROM.name;
const at = (phase: ReshardPhase): ReshardState => ({
  ...{ id: 'one', phase, half: 'whole', isBack: false, isDropping: false },
  ...{ from: FROM, to: TO },
});

function after(...phases: ReshardPhase[]): Reshards {
  const reshards = new Reshards();
  for (const phase of phases) reshards.take(NAME, at(phase), FROM);
  return reshards;
}

test('a pool that is served takes one step after the other, and one that is not any', () => {
  assert.equal(after('hold', 'both', 'new').get(NAME)?.phase, 'new');
  assert.throws(() => after('both'), /from old there is no way to both/);
  assert.throws(() => after('hold', 'new'), /from hold there is no way to new/);
  const reshards = new Reshards();
  reshards.take(NAME, at('both'), null);
  assert.equal(reshards.get(NAME)?.phase, 'both');
});

test('a worker that has the old configuration yet when the change is over goes on by the new ring', () => {
  const reshards = after('hold', 'both', 'new');
  reshards.take(NAME, null, FROM);
  assert.equal(reshards.get(NAME)?.phase, 'new');
  // Once the configuration says the same there is nothing left of it.
  assert.equal(reshards.getFor(TO), null);
  assert.equal(reshards.get(NAME), null);
});

test('one that has the new configuration, or whose change was given up, goes by the configuration', () => {
  const done = after('hold', 'both', 'new');
  done.take(NAME, null, TO);
  assert.equal(done.get(NAME), null);
  const stopped = after('hold');
  stopped.take(NAME, null, FROM);
  assert.equal(stopped.get(NAME), null);
  const moving = after('hold', 'both');
  assert.equal(moving.getFor(FROM)?.phase, 'both');
});
