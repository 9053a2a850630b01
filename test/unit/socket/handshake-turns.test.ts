import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handshakeTurns } from '../../../src/socket/handshake-turns.ts';

const turn = () => new Promise<void>(resolve => setImmediate(resolve));

test('two begin in a turn, in order, and none in the turn that brings them', async () => {
  const begun: number[] = [];
  for (let i = 0; i < 5; i++) handshakeTurns.take(() => begun.push(i));
  assert.equal(begun.length, 0);
  const lengths: number[] = [];
  while (begun.length < 5) {
    await turn();
    lengths.push(begun.length);
  }
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  for (let i = 1; i < lengths.length; i++) assert.ok(lengths[i]! - lengths[i - 1]! <= 2, String(lengths));
  handshakeTurns.take(() => begun.push(5));
  await turn();
  assert.equal(begun.length, 6);
});
