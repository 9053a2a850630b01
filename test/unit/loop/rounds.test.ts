import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { expectedPeers } from '../../../src/loop/expected-peers.ts';
import { isCompanyExpected, runIdleTasks, runRound, soon, whenIdle } from '../../../src/loop/rounds.ts';

function unexpected(error: unknown): void {
  throw error;
}

test('in a round, what is to be done soon is done at its end; outside, in the check phase', async () => {
  const ran: string[] = [];
  runRound(() => {
    soon(() => ran.push('soon'));
    ran.push('delivered');
  }, unexpected);
  assert.deepEqual(ran, ['delivered', 'soon']);
  soon(() => ran.push('outside'));
  assert.equal(ran.length, 2);
  await setImmediate();
  assert.deepEqual(ran, ['delivered', 'soon', 'outside']);
});

test('what waits until no socket is ready outlasts rounds, runs once, and its end of round with it', () => {
  const ran: string[] = [];
  const task = {
    onIdle: () => {
      soon(() => ran.push('end'));
      ran.push('idle');
    },
  };
  runRound(() => assert.equal(whenIdle(task), true), unexpected);
  runRound(() => {}, unexpected);
  assert.deepEqual(ran, []);
  assert.equal(runIdleTasks(unexpected), true);
  assert.deepEqual(ran, ['idle', 'end']);
  assert.equal(runIdleTasks(unexpected), false);
  assert.equal(ran.length, 2);
});

test('what an idle task has wait runs, too', () => {
  let runs = 0;
  const task = {
    onIdle: () => {
      if (++runs < 3) whenIdle(task);
    },
  };
  runRound(() => void whenIdle(task), unexpected);
  runIdleTasks(unexpected);
  assert.equal(runs, 3);
});

test('outside rounds nothing can wait', () => {
  assert.equal(whenIdle({ onIdle: () => assert.fail('called') }), false);
  assert.equal(runIdleTasks(unexpected), false);
});

test('company is expected while something waits and a peer that was answered has not asked again', () => {
  const wait = () => runRound(() => void whenIdle({ onIdle: () => {} }), unexpected);
  expectedPeers.expect();
  expectedPeers.expect();
  assert.equal(isCompanyExpected(), false, 'nothing waits');
  wait();
  assert.equal(isCompanyExpected(), true);
  expectedPeers.came();
  assert.equal(isCompanyExpected(), true, 'one of two has come');
  expectedPeers.came();
  assert.equal(isCompanyExpected(), false, 'both have come');
  // One that nobody had answered, a new client for instance, is not owed to the next.
  expectedPeers.came();
  expectedPeers.expect();
  assert.equal(isCompanyExpected(), true);
  runIdleTasks(unexpected);
  assert.equal(isCompanyExpected(), false, 'nothing waits any more');
  wait();
  expectedPeers.forget();
  assert.equal(isCompanyExpected(), false);
  runIdleTasks(unexpected);
});

test('who throws costs the others nothing', () => {
  const ran: string[] = [];
  const errors: string[] = [];
  const hear = (error: unknown) => void errors.push((error as Error).message);
  const bad = (what: string) => () => {
    throw new Error(what);
  };
  runRound(() => {
    soon(() => ran.push('soon'));
    soon(bad('of the end'));
    soon(() => ran.push('soon, too'));
    for (const onIdle of [() => ran.push('idle'), bad('of the idle'), () => ran.push('idle, too')])
      whenIdle({ onIdle });
    throw new Error('of the round');
  }, hear);
  runIdleTasks(hear);
  assert.deepEqual(errors.sort(), ['of the end', 'of the idle', 'of the round']);
  assert.deepEqual(ran.sort(), ['idle', 'idle, too', 'soon', 'soon, too']);
});
