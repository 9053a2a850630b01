import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Turn, type TurnTask } from '../../../src/loop/turn.ts';

function task(endTurn: () => void): TurnTask {
  return { endTurn };
}

test('tasks run in their order at the end of the turn, once, and not before', async () => {
  const turn = new Turn();
  const ran: string[] = [];
  turn.defer(task(() => ran.push('a')));
  turn.defer(task(() => ran.push('b')));
  await null;
  assert.deepEqual(ran, []);
  await setImmediate();
  assert.deepEqual(ran, ['a', 'b']);
  await setImmediate();
  assert.deepEqual(ran, ['a', 'b']);
});

test('what a task defers runs in the same turn, after the others', async () => {
  const turn = new Turn();
  const ran: string[] = [];
  turn.defer(
    task(() => {
      ran.push('a');
      turn.defer(task(() => ran.push('of a')));
    }),
  );
  turn.defer(task(() => ran.push('b')));
  setImmediate().then(() => ran.push('next turn'));
  await setImmediate();
  assert.deepEqual(ran.slice(0, 3), ['a', 'b', 'of a']);
});

test('a turn follows a turn', async () => {
  const turn = new Turn();
  let runs = 0;
  for (let i = 1; i <= 3; i++) {
    turn.defer(task(() => runs++));
    await setImmediate();
    assert.equal(runs, i);
  }
});

test('a task that throws costs the others nothing, nor the turns after it', async t => {
  const turn = new Turn();
  const ran: string[] = [];
  const thrown: string[] = [];
  // node:test listens for uncaught exceptions itself; while ours is the only listener it does not see this one.
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  process.on('uncaughtException', error => thrown.push(error.message));

  turn.defer(task(() => ran.push('a')));
  turn.defer(
    task(() => {
      throw new Error('b');
    }),
  );
  turn.defer(task(() => ran.push('c')));
  await setImmediate();
  await setImmediate();
  assert.deepEqual(thrown, ['b']);
  assert.deepEqual(ran, ['a', 'c']);

  turn.defer(task(() => ran.push('later')));
  await setImmediate();
  assert.deepEqual(ran, ['a', 'c', 'later']);
});
