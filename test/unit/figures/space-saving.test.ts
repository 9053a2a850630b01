import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpaceSaving } from '../../../src/figures/space-saving.ts';
import { SeededRandom, seedFrom } from '../../support/seeded-random.ts';

test('counts are exact while there are fewer items than counters', () => {
  const sketch = new SpaceSaving(4);
  for (const item of ['a', 'b', 'a', 'c', 'a', 'b']) sketch.add(item, 1);
  assert.deepEqual(sketch.heaviest(2), [
    { item: 'a', count: 3, error: 0 },
    { item: 'b', count: 2, error: 0 },
  ]);
  assert.equal(sketch.total, 6);
  assert.equal(sketch.maxError, 0);
});

test('with more items no count is too low, or off by more than its error, and the heavy ones are all there', t => {
  const seed = seedFrom('SPACE_SAVING_SEED');
  t.diagnostic(`SPACE_SAVING_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const CAPACITY = 50;
  for (let round = 0; round < 20; round++) {
    const sketch = new SpaceSaving(CAPACITY);
    const right = new Map<string, number>();
    for (let i = 0; i < 5000; i++) {
      // Few are asked for often, many seldom.
      const item = `k${Math.floor(random.next() ** 4 * 2000)}`;
      const weight = random.between(1, 5);
      sketch.add(item, weight);
      right.set(item, (right.get(item) ?? 0) + weight);
    }
    const told = sketch.heaviest(CAPACITY);
    for (const { item, count, error } of told) {
      const is = right.get(item)!;
      assert.ok(count >= is && count - error <= is, `${item} is ${is}, told ${count} - ${error}`);
      assert.ok(error <= sketch.maxError);
    }
    for (const [item, weight] of right) {
      if (weight > sketch.maxError)
        assert.ok(
          told.some(each => each.item === item),
          `${item} of ${weight} is missing`,
        );
    }
  }
});

test('sketches of several workers add up, errors too', () => {
  const sum = new SpaceSaving(4);
  sum.add('a', 10, 2);
  sum.add('b', 7);
  sum.add('a', 5, 1);
  assert.deepEqual(sum.heaviest(1), [{ item: 'a', count: 15, error: 3 }]);
  sum.clear();
  assert.deepEqual(sum.heaviest(9), []);
  assert.equal(sum.total, 0);
});
