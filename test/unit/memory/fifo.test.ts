import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Fifo } from '../../../src/memory/fifo.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { waitFor } from '../../support/wait-for.ts';

test('an empty queue has nothing to give', () => {
  const fifo = new Fifo<number>();
  assert.equal(fifo.length, 0);
  assert.equal(fifo.peek(), undefined);
  assert.equal(fifo.shift(), undefined);
  assert.equal(fifo.length, 0);
});

test('items leave in the order they came, over many turns around the array and through every growth', () => {
  const random = new SeededRandom(1);
  const fifo = new Fifo<number>();
  const model: number[] = [];
  let next = 0;
  for (let step = 0; step < 20_000; step++) {
    // The longer it gets, the likelier it shrinks; now and then it runs empty.
    if (random.chance(model.length > 200 ? 0.3 : 0.55)) {
      fifo.push(next);
      model.push(next++);
    } else assert.equal(fifo.shift(), model.shift());
    assert.equal(fifo.length, model.length);
    assert.equal(fifo.peek(), model[0]);
    if (model.length > 0) {
      const index = random.between(0, model.length - 1);
      assert.equal(fifo.at(index), model[index]);
    }
  }
});

test('a queue that grows while its items wrap around the end of the array keeps their order', () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 4; i++) fifo.push(i);
  for (let i = 0; i < 3; i++) fifo.shift();
  for (let i = 4; i < 9; i++) fifo.push(i);
  assert.deepEqual(
    Array.from({ length: fifo.length }, (_, i) => fifo.at(i)),
    [3, 4, 5, 6, 7, 8],
  );
});

test('an item that was taken out is not kept alive by the queue', async () => {
  const fifo = new Fifo<object>();
  let collected = 0;
  const registry = new FinalizationRegistry<null>(() => collected++);
  for (let i = 0; i < 16; i++) {
    const item = { bytes: Buffer.allocUnsafeSlow(1024) };
    registry.register(item, null);
    fifo.push(item);
  }
  while (fifo.length > 1) fifo.shift();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await waitFor(
    () => {
      collect();
      return collected === 15;
    },
    { what: '15 items to be collected' },
  );
  assert.equal(fifo.length, 1);
});
