import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Crowd } from '../../../src/upstream/crowd.ts';
import { OwnCrowds } from '../../../src/upstream/own-crowds.ts';

function own() {
  const sent: { readonly crowds: readonly Crowd[]; readonly arrive: () => void }[] = [];
  const crowds = new OwnCrowds((told, then) => sent.push({ crowds: told, arrive: then }));
  return { crowds, sent };
}

test('what changes in one turn goes in one message, and whoever waits hears when that has arrived', async () => {
  const { crowds, sent } = own();
  const heard: string[] = [];
  assert.equal(crowds.changed(0, 'a', 1), true);
  assert.equal(crowds.changed(0, 'a', 2), true);
  assert.equal(crowds.changed(1, 'a', 1), true);
  crowds.whenTold(() => heard.push('first'));
  assert.equal(sent.length, 0);
  await nextTurn();
  assert.deepEqual(sent[0]?.crowds, [
    [0, 'a', 2],
    [1, 'a', 1],
  ]);
  assert.deepEqual(heard, []);
  sent[0]?.arrive();
  assert.deepEqual(heard, ['first']);
});

test('what changes while a message is under way goes with the next, as it is by then', async () => {
  const { crowds, sent } = own();
  const heard: string[] = [];
  crowds.changed(0, 'a', 1);
  await nextTurn();
  crowds.changed(0, 'a', 5);
  crowds.whenTold(() => heard.push('second'));
  crowds.changed(0, 'a', 3);
  await nextTurn();
  assert.equal(sent.length, 1);
  sent[0]?.arrive();
  assert.deepEqual(heard, []);
  await nextTurn();
  assert.deepEqual(sent[1]?.crowds, [[0, 'a', 3]]);
  sent[1]?.arrive();
  assert.deepEqual(heard, ['second']);
});

test('what is again as the others know it is not told, and whoever waits is let go', async () => {
  const { crowds, sent } = own();
  const heard: string[] = [];
  assert.equal(crowds.changed(0, 'a', 0), false);
  crowds.changed(0, 'a', 1);
  assert.equal(crowds.changed(0, 'a', 0), false);
  crowds.whenTold(() => heard.push('nothing'));
  await nextTurn();
  assert.deepEqual([sent.length, heard], [0, ['nothing']]);
});

test('a thousand are told at once, and who waits hears after the last of them', async () => {
  const { crowds, sent } = own();
  let heard = 0;
  for (let i = 0; i < 1500; i++) crowds.changed(0, `c${i}`, 1);
  crowds.whenTold(() => heard++);
  await nextTurn();
  sent[0]?.arrive();
  assert.deepEqual([sent[0]?.crowds.length, heard], [1000, 0]);
  await nextTurn();
  sent[1]?.arrive();
  assert.deepEqual([sent[1]?.crowds.length, heard], [500, 1]);
});

test('under another name all is told anew', async () => {
  const { crowds, sent } = own();
  crowds.changed(0, 'a', 1);
  crowds.changed(0, 'b', 2);
  await nextTurn();
  sent[0]?.arrive();
  crowds.changed(0, 'a', 0);
  crowds.tellAnew();
  await nextTurn();
  assert.deepEqual(
    [...(sent[1]?.crowds ?? [])].sort((x, y) => x[1].localeCompare(y[1])),
    [
      [0, 'a', 0],
      [0, 'b', 2],
    ],
  );
});
