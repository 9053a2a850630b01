import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KeyRing } from '../../../src/placement/key-ring.ts';
import { ACCESS_READ, type Placement } from '../../../src/placement/placement.ts';
import { BY_FROM, BY_TO, TwoPlacements } from '../../../src/placement/two-placements.ts';

const RING = { hash: 'murmur', hashTag: null, distribution: 'ketama' } as const;
const KEYS = Array.from({ length: 3000 }, (_, i) => Buffer.from(`key:${i}`));

function ringOf(...names: string[]): KeyRing {
  return new KeyRing({ ...RING, servers: names.map(name => ({ name, weight: 1 })) });
}

describe('two placements', () => {
  // The pool has a, b and c in this order; the second ring has them in another.
  const from = { placement: ringOf('a', 'b'), places: [0, 1] };
  const to = { placement: ringOf('c', 'b', 'a'), places: [2, 1, 0] };
  const byFrom = new TwoPlacements(from, to, BY_FROM);
  const byTo = new TwoPlacements(from, to, BY_TO);
  const old = ringOf('a', 'b');
  const next = ringOf('a', 'b', 'c');

  test('pick by the one that is in use, among the servers of the pool', () => {
    for (const key of KEYS) {
      assert.equal(byFrom.pick(key, 0, key.length, ACCESS_READ), old.pick(key, 0, key.length));
      assert.equal(byTo.pick(key, 0, key.length, ACCESS_READ), next.pick(key, 0, key.length));
    }
  });

  test('tell which keys move, from where to where', () => {
    let moving = 0;
    for (const key of KEYS) {
      const moves = byFrom.moves(key, 0, key.length, ACCESS_READ);
      assert.equal(byFrom.fromPlace, old.pick(key, 0, key.length));
      assert.equal(byFrom.toPlace, next.pick(key, 0, key.length));
      assert.equal(moves, byFrom.fromPlace !== byFrom.toPlace);
      if (moves) assert.equal(byFrom.toPlace, 2);
      if (moves) moving++;
    }
    assert.ok(moving > KEYS.length / 5 && moving < KEYS.length / 2, `${moving} move`);
  });

  test('have nobody stand in for a server that is out', () => {
    const before = KEYS.map(key => byTo.pick(key, 0, key.length, ACCESS_READ));
    (byTo as Placement).setLive([true, false, true]);
    assert.deepEqual(
      KEYS.map(key => byTo.pick(key, 0, key.length, ACCESS_READ)),
      before,
    );
  });

  test('let keys stay whose server has another name and the same place', () => {
    const renamed = new TwoPlacements(from, { placement: ringOf('a', 'b'), places: [0, 1] }, BY_FROM);
    assert.ok(!KEYS.some(key => renamed.moves(key, 0, key.length, ACCESS_READ)));
  });
});
