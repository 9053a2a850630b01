import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { HeapMarking } from '../../../src/memory/heap-marking.ts';
import { waitFor } from '../../support/wait-for.ts';

setFlagsFromString('--expose-gc');

test('a marking that V8 begins is seen, and its end', async () => {
  const marking = new HeapMarking();
  await marking.isOver();
  marking.watch();
  assert.equal(marking.isGoingOn, false);
  let wasGoingOn = false;
  await waitFor(
    async () => {
      // More memory outside the heap than V8 lets pass.
      new ArrayBuffer(256 * 2 ** 20).transfer(0);
      for (let turn = 0; turn < 5 && !wasGoingOn; turn++) {
        await new Promise(setImmediate);
        wasGoingOn = marking.isGoingOn;
      }
      return wasGoingOn;
    },
    { what: 'a marking' },
  );
  await marking.isOver();
  assert.equal(marking.isGoingOn, false);
  marking.unwatch();
});
