import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ConnectionQuota } from '../../../../src/master/limits/connection-quota.ts';
import { Admission, ANSWER_WITHIN_MS, type Newcomer } from '../../../../src/proxy/limits/admission.ts';

/** Workers and the master's quota, talking to each other at once or when `deliver` is called. */
function cluster(workers: number, limit: number) {
  const mail: (() => void)[] = [];
  const inside = new Map<Newcomer, number>();
  const away: Newcomer[] = [];
  const quota = new ConnectionQuota(limit, {
    grant: (worker, count, isForced) => mail.push(() => admissions[worker]?.granted(count, isForced)),
    recall: worker => mail.push(() => admissions[worker]?.recall()) > 0,
  });
  const admissions = Array.from({ length: workers }, (_, worker) => {
    const admission = new Admission({
      ask: (count, isForced) => mail.push(() => quota.ask(worker, count, isForced)),
      giveBack: (count, isAnswer) => mail.push(() => quota.giveBack(worker, count, isAnswer)),
    });
    admission.setLimit(limit);
    return admission;
  });
  const deliver = () => {
    for (let next = mail.shift(); next !== undefined; next = mail.shift()) next();
  };
  const enter = (worker: number) => {
    const newcomer: Newcomer = {
      isGone: false,
      admit: () => inside.set(newcomer, worker),
      turnAway: () => away.push(newcomer),
      dropped: () => {},
    };
    admissions[worker]?.enter(newcomer);
  };
  const leave = (worker: number) => {
    const socket = [...inside].find(([, at]) => at === worker)?.[0];
    assert.ok(socket);
    inside.delete(socket);
    admissions[worker]?.leave();
  };
  return { admissions, inside, away, deliver, enter, leave, quota };
}

for (const limit of [1, 2, 3, 10, 100, 1000]) {
  test(`a limit of ${limit} lets in exactly ${limit} clients, however they spread over 4 workers`, () => {
    for (const pick of [(i: number) => i % 4, (i: number) => (i * i) % 3, () => 2]) {
      const { inside, away, deliver, enter } = cluster(4, limit);
      for (let i = 0; i < limit + 7; i++) {
        enter(pick(i));
        if (i % 3 === 0) deliver();
      }
      deliver();
      assert.equal(inside.size, limit);
      assert.equal(away.length, 7);
    }
  });
}

test('a place that a client leaves in one worker can be had in another', () => {
  const { inside, away, deliver, enter, leave } = cluster(2, 5);
  for (let i = 0; i < 5; i++) enter(0);
  deliver();
  leave(0);
  enter(1);
  deliver();
  assert.equal(inside.size, 5);
  assert.equal(away.length, 0);
});

test('the places of a worker that died are free again', () => {
  const { inside, away, deliver, enter, quota } = cluster(2, 5);
  for (let i = 0; i < 5; i++) enter(0);
  deliver();
  quota.retire(0);
  inside.clear();
  for (let i = 0; i < 5; i++) enter(1);
  deliver();
  assert.equal(inside.size, 5);
  assert.equal(away.length, 0);
});

test('without a limit nobody asks', () => {
  const { inside, enter } = cluster(1, 0);
  enter(0);
  assert.equal(inside.size, 1);
});

test('a limit set later counts the clients that are in', () => {
  const { inside, away, deliver, enter, admissions, quota } = cluster(1, 0);
  for (let i = 0; i < 3; i++) enter(0);
  quota.limit = 4;
  admissions[0]?.setLimit(4);
  for (let i = 0; i < 3; i++) enter(0);
  deliver();
  assert.equal(inside.size, 4);
  assert.equal(away.length, 2);
});

test('a limit taken away lets in whoever waits', () => {
  const { inside, deliver, enter, admissions } = cluster(1, 2);
  for (let i = 0; i < 2; i++) enter(0);
  deliver();
  enter(0);
  admissions[0]?.setLimit(0);
  deliver();
  assert.equal(inside.size, 3);
});

test('who waits for a place when the pool goes is turned away, and nobody is let in later', () => {
  const { admissions, inside, away, enter } = cluster(1, 1);
  enter(0);
  enter(0);
  admissions[0]?.close();
  assert.equal(away.length, 2);
  admissions[0]?.granted(2, false);
  assert.equal(inside.size, 0);
});

test('a master that says nothing: who waits is turned away, and what it says later is welcome', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { inside, away, deliver, enter } = cluster(1, 5);
  enter(0);
  enter(0);
  t.mock.timers.tick(ANSWER_WITHIN_MS);
  await setImmediate();
  assert.equal(away.length, 2);
  enter(0);
  deliver();
  assert.equal(inside.size, 1);
  assert.equal(away.length, 2);
});

test('it is settled when nobody waits for the word of the master', async () => {
  const { admissions, inside, away, deliver, enter } = cluster(1, 2);
  const [admission] = admissions as [Admission];
  await admission.settled();
  for (let i = 0; i < 3; i++) enter(0);
  let isSettled = false;
  const settled = admission.settled().then(() => {
    isSettled = true;
  });
  await setImmediate();
  assert.equal(isSettled, false);
  deliver();
  await settled;
  assert.deepEqual([inside.size, away.length], [2, 1]);
});
