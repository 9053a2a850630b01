import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MoveTally } from '../../../../src/master/reshard/move-tally.ts';
import type { FromMover, MoveProgress } from '../../../../src/mover/mover-job.ts';

const progress = (keysMoved: number, trouble: string | null = null) =>
  ({ type: 'progress', progress: { keysMoved, bytesMoved: 10 * keysMoved, trouble } as MoveProgress }) as FromMover;

test('what movers have done one after the other is added up, and the last one’s trouble is told', () => {
  const tally = new MoveTally();
  const state = () => [tally.total?.keysMoved ?? null, tally.total?.bytesMoved ?? null, tally.trouble];
  assert.deepEqual(state(), [null, null, null]);
  tally.moverEnded();
  assert.deepEqual(state(), [null, null, null]);
  tally.hear(progress(3));
  tally.hear(progress(5, 'a server is away'));
  assert.deepEqual(state(), [5, 50, 'a server is away']);
  tally.moverEnded();
  assert.deepEqual(state(), [5, 50, 'a server is away']);
  tally.hear({ type: 'failed', why: 'it was killed' } as FromMover);
  tally.hear(progress(2));
  assert.deepEqual(state(), [7, 70, null]);
});
