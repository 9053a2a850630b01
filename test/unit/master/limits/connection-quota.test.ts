import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  BORROW_EVERY_MS,
  BORROW_TRIES,
  ConnectionQuota,
  RECALL_WITHIN_MS,
  SOURCE_WITHIN_MS,
} from '../../../../src/master/limits/connection-quota.ts';

test('a worker that does not answer a recall is not waited for, and not asked again before it speaks', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said: unknown[] = [];
  const quota = new ConnectionQuota(2, {
    grant: (worker, count) => said.push(`${count} to ${worker}`),
    recall: worker => said.push(`recall ${worker}`) > 0,
  });
  const wait = async () => {
    t.mock.timers.tick(RECALL_WITHIN_MS);
    await setImmediate();
  };
  quota.ask(1, 2, false);
  quota.ask(2, 1, false);
  assert.deepEqual(said, ['2 to 1', 'recall 1']);
  await wait();
  assert.deepEqual(said.splice(0), ['2 to 1', 'recall 1', '0 to 2']);
  quota.ask(2, 1, false);
  assert.deepEqual(said.splice(0), ['0 to 2']);
  // It lives after all.
  quota.giveBack(1, 0, true);
  quota.ask(2, 1, false);
  assert.deepEqual(said.splice(0), ['recall 1']);
  quota.giveBack(1, 1, true);
  assert.deepEqual(said.splice(0), ['1 to 2']);
});

const SUCCESSOR = -1;

/** The quota of a master and that of its successor, which has its places from it; what workers were granted, in order. */
function upgraded(limit: number) {
  const granted: string[] = [];
  const silent: string[] = [];
  const before: ConnectionQuota = new ConnectionQuota(limit, {
    grant: (worker, count, isForced) => {
      if (worker === SUCCESSOR) after.lent(count, isForced);
      else granted.push(`${count} to old ${worker}`);
    },
    recall: worker => {
      // The answer comes later than the question was put.
      if (worker === SUCCESSOR) queueMicrotask(() => after.giveToSource());
      return worker === SUCCESSOR;
    },
  });
  const after: ConnectionQuota = new ConnectionQuota(
    limit,
    { grant: (worker, count) => granted.push(`${count} to new ${worker}`), recall: () => false },
    {
      ask: (count, wanted, isForced) => {
        before.limit = wanted;
        before.ask(SUCCESSOR, count, isForced);
      },
      giveBack: (count, isAnswer) => before.giveBack(SUCCESSOR, count, isAnswer),
      onSilent: () => silent.push('silent'),
    },
  );
  return { before, after, granted, silent };
}

test('a successor has as many places as the master before it has left, and all once that has gone', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { before, after, granted } = upgraded(3);
  before.ask(1, 2, false);
  after.ask(1, 1, false);
  after.ask(1, 1, false);
  assert.deepEqual(granted.splice(0), ['2 to old 1', '1 to new 1']);
  // Whoever is let go there comes back here at once.
  before.giveBack(1, 1, false);
  t.mock.timers.tick(BORROW_EVERY_MS);
  assert.deepEqual(granted.splice(0), ['1 to new 1']);
  after.ask(1, 1, false);
  after.loseSource();
  assert.deepEqual(granted.splice(0), ['1 to new 1']);
});

test('who waits for a place there in vain is turned away', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { before, after, granted } = upgraded(1);
  before.ask(1, 1, false);
  after.ask(1, 1, false);
  assert.deepEqual(granted.splice(0), ['1 to old 1']);
  for (let i = 1; i < BORROW_TRIES; i++) t.mock.timers.tick(BORROW_EVERY_MS);
  assert.deepEqual(granted.splice(0), []);
  t.mock.timers.tick(BORROW_EVERY_MS);
  assert.deepEqual(granted.splice(0), ['0 to new 1']);
});

test('while both accept, one gets what the other does not use; clients that are in count at both', async () => {
  const { before, after, granted } = upgraded(2);
  after.ask(1, 2, false);
  after.giveBack(1, 2, false);
  before.ask(1, 2, false);
  await setImmediate();
  assert.deepEqual(granted.splice(0), ['2 to new 1', '2 to old 1']);
  before.giveBack(1, 2, false);
  after.ask(2, 2, true);
  before.ask(1, 1, false);
  await setImmediate();
  assert.deepEqual(granted.splice(0), ['2 to new 2', '0 to old 1']);
});

test('a master that hangs while it drains is told of', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said: string[] = [];
  const nobody = { grant: () => {}, recall: () => false };
  const source = { ask: () => said.push('asked'), giveBack: () => {}, onSilent: () => said.push('silent') };
  const quota = new ConnectionQuota(1, nobody, source);
  quota.ask(1, 1, false);
  t.mock.timers.tick(SOURCE_WITHIN_MS);
  await setImmediate();
  assert.deepEqual(said, ['asked', 'silent']);
});

test('of three masters the last has what the first two have left, though the middle one waits for nobody', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const granted: string[] = [];
  const mute = () => false;
  const first: ConnectionQuota = new ConnectionQuota(3, {
    grant: (worker, count, isForced) => {
      if (worker === SUCCESSOR) middle.lent(count, isForced);
    },
    recall: mute,
  });
  const middle: ConnectionQuota = new ConnectionQuota(
    3,
    {
      grant: (worker, count, isForced) => {
        if (worker === SUCCESSOR) last.lent(count, isForced);
      },
      recall: mute,
    },
    {
      ask: (count, _limit, isForced) => first.ask(SUCCESSOR, count, isForced, true),
      giveBack: (count, isAnswer) => first.giveBack(SUCCESSOR, count, isAnswer),
      onSilent: () => assert.fail('the first one has answered'),
    },
  );
  const last: ConnectionQuota = new ConnectionQuota(
    3,
    { grant: (worker, count) => granted.push(`${count} to ${worker}`), recall: mute },
    {
      ask: (count, _limit, isForced) => middle.ask(SUCCESSOR, count, isForced, true),
      giveBack: (count, isAnswer) => middle.giveBack(SUCCESSOR, count, isAnswer),
      onSilent: () => assert.fail('the middle one has answered'),
    },
  );
  first.ask(1, 1, false);
  middle.ask(1, 1, false);
  last.ask(1, 1, false);
  // What the first has lent to the middle one meanwhile is found at the next try.
  t.mock.timers.tick(BORROW_EVERY_MS);
  assert.deepEqual(granted.splice(0), ['1 to 1']);
  last.ask(2, 1, false);
  for (let i = 0; i < BORROW_TRIES; i++) t.mock.timers.tick(BORROW_EVERY_MS);
  assert.deepEqual(granted.splice(0), ['0 to 2']);
  last.ask(2, 1, false);
  first.giveBack(1, 1, false);
  t.mock.timers.tick(BORROW_EVERY_MS);
  t.mock.timers.tick(BORROW_EVERY_MS);
  assert.deepEqual(granted.splice(0), ['1 to 2']);
});

test('a master that waits for one before it that hangs does not seem to hang itself', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const answers: string[] = [];
  const silent: string[] = [];
  const middle = new ConnectionQuota(
    2,
    { grant: (worker, count) => answers.push(`${count} to ${worker}`), recall: () => false },
    { ask: () => {}, giveBack: () => {}, onSilent: () => silent.push('the first') },
  );
  middle.ask(1, 1, false);
  assert.deepEqual(answers, []);
  for (const count of [1, 2]) {
    middle.ask(SUCCESSOR, count, false, true);
    assert.deepEqual(answers.splice(0), [`0 to ${SUCCESSOR}`]);
  }
  t.mock.timers.tick(SOURCE_WITHIN_MS);
  await setImmediate();
  assert.deepEqual(silent, ['the first']);
  middle.loseSource();
  assert.deepEqual(answers.splice(0), ['1 to 1']);
  middle.ask(SUCCESSOR, 2, false, true);
  assert.deepEqual(answers.splice(0), [`1 to ${SUCCESSOR}`]);
});
