import assert from 'node:assert/strict';
import { hash as digestOf } from 'node:crypto';
import { test } from 'node:test';
import { KetamaRing } from '../../../src/placement/ketama.ts';
import { ModulaRing } from '../../../src/placement/modula.ts';
import { RandomRing } from '../../../src/placement/random.ts';
import { buildRing, DISTRIBUTIONS } from '../../../src/placement/ring.ts';
import { MAX_RING_SERVERS, MAX_TOTAL_WEIGHT, type RingServer } from '../../../src/placement/ring-server.ts';

const MAX_U32 = 2 ** 32 - 1;

function servers(count: number, weight: (i: number) => number = () => 1): RingServer[] {
  return Array.from({ length: count }, (_, i) => ({ name: `10.0.0.${i}:6379`, weight: weight(i) }));
}

/** Hashes where a lookup can go wrong: each point and its neighbours, both ends of the circle, and a spread between. */
function tellingHashes(points: Uint32Array): number[] {
  const around = Array.from(points).flatMap(point => [point - 1, point, point + 1]);
  const spread = Array.from({ length: 5000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
  return [...around, ...spread, 0, 1, MAX_U32 - 1, MAX_U32].filter(hash => hash >= 0 && hash <= MAX_U32);
}

for (const distribution of DISTRIBUTIONS) {
  test(`${distribution}: nobody alive, or nobody there, is -1`, () => {
    assert.equal(buildRing(distribution, servers(3), [false, false, false]).pick(7), -1);
    assert.equal(buildRing(distribution, []).pick(7), -1);
  });

  test(`${distribution}: picks only live servers, by their index in the list given`, () => {
    const ring = buildRing(distribution, servers(6), [false, true, false, true, true, false]);
    const picked = new Set(Array.from({ length: 2000 }, (_, i) => ring.pick(Math.imul(i, 0x9e3779b1) >>> 0)));
    assert.deepEqual([...picked].sort(), [1, 3, 4]);
  });

  test(`${distribution}: the ring of the live servers is the ring that has no others`, () => {
    if (distribution === 'random') return;
    const all = servers(9, i => (i % 4) + 1);
    const live = all.map((_, i) => i % 3 !== 0);
    const kept = all.filter((_, i) => live[i]);
    const ring = buildRing(distribution, all, live);
    const small = buildRing(distribution, kept);
    for (let i = 0; i < 3000; i++) {
      const hash = Math.imul(i, 0x9e3779b1) >>> 0;
      assert.equal(all[ring.pick(hash)], kept[small.pick(hash)]);
    }
  });

  test(`${distribution}: refuses weights and sizes that no ring can have`, () => {
    for (const weight of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(
        () =>
          buildRing(
            distribution,
            servers(2, () => weight),
          ),
        RangeError,
      );
    }
    assert.throws(
      () =>
        buildRing(
          distribution,
          servers(2, () => MAX_TOTAL_WEIGHT - 1),
        ),
      RangeError,
    );
    assert.throws(() => buildRing(distribution, servers(MAX_RING_SERVERS + 1)), RangeError);
    assert.throws(() => buildRing(distribution, servers(2), [true]), RangeError);
  });
}

test('ketama: a hash is served by the first point at or after it, past the last by the first', () => {
  for (const count of [1, 2, 3, 25, 60]) {
    const ketama = new KetamaRing(servers(count, i => (i % 5) + 1));
    const { points, owners } = ketama.listPoints();
    for (const hash of tellingHashes(points)) {
      const found = points.findIndex(point => point >= hash);
      const want = found < 0 ? 0 : found;
      assert.equal(ketama.pick(hash), owners[want], `${count} servers, hash ${hash}`);
    }
  }
});

test('ketama: every point of a ring so big that some lie where the guide begins anew serves its own value', () => {
  const ketama = new KetamaRing(servers(2000));
  const { points, owners } = ketama.listPoints();
  assert.equal(points.length > 300_000, true);
  let first = 0;
  for (let i = 0; i < points.length; i++) {
    if (points[i] !== points[first]) first = i;
    const found = ketama.pick(points[i]!);
    if (found !== owners[first]) assert.fail(`point ${i}, ${points[i]}, is served by ${found}`);
  }
});

test('ketama: a server of average weight has 160 points, four from the md5 of each of name-0 to name-39', () => {
  const { points, owners } = new KetamaRing(servers(2)).listPoints();
  const want: { value: number; owner: number }[] = [];
  servers(2).forEach(({ name }, owner) => {
    for (let j = 0; j < 40; j++) {
      const digest = digestOf('md5', `${name}-${j}`, 'buffer');
      for (const at of [0, 4, 8, 12]) want.push({ value: digest.readUInt32LE(at), owner });
    }
  });
  want.sort((a, b) => a.value - b.value);
  assert.deepEqual(
    want,
    Array.from(points, (value, i) => ({ value, owner: owners[i]! })),
  );
});

test('ketama: the number of points is rounded in float32, as twemproxy rounds it', () => {
  // In float64 each of 25 equal servers would have its full 160 points.
  assert.equal(new KetamaRing(servers(25)).listPoints().points.length, 25 * 156);
  assert.equal(new KetamaRing(servers(24)).listPoints().points.length, 24 * 160);
  assert.equal(new KetamaRing(servers(2, i => [1, 3][i]!)).listPoints().points.length, 320);
  // A weight of next to nothing buys no point at all.
  const { owners } = new KetamaRing(servers(2, i => [1, 1000][i]!)).listPoints();
  assert.deepEqual([...new Set(owners)], [1]);
});

test('ketama: points of the same value belong in name order to their owners', () => {
  // The same name twice gives every value twice: the stable order is that of the list.
  const { points, owners } = new KetamaRing([
    { name: 'twin', weight: 1 },
    { name: 'twin', weight: 1 },
  ]).listPoints();
  for (let i = 0; i < points.length; i += 2) {
    assert.equal(points[i], points[i + 1]);
    assert.deepEqual([owners[i], owners[i + 1]], [0, 1]);
  }
});

test('modula: the list holds the servers by name length, then bytes, each as often as it weighs', () => {
  const list: RingServer[] = [
    { name: 'bbb', weight: 1 },
    { name: 'cc', weight: 3 },
    { name: 'a', weight: 2 },
    { name: 'Bbb', weight: 1 },
    { name: 'é', weight: 1 }, // two bytes, the first of them 0xc3
  ];
  const ring = new ModulaRing(list);
  const want = [2, 2, 1, 1, 1, 4, 3, 0];
  assert.equal(ring.slots, want.length);
  for (let hash = 0; hash < 40; hash++) assert.equal(ring.pick(hash), want[hash % want.length], `hash ${hash}`);
  assert.equal(ring.pick(MAX_U32), want[MAX_U32 % want.length]);
});

test('modula: with equal weights of one, and with weights too big for a list', () => {
  const plain = new ModulaRing(servers(7));
  for (let hash = 0; hash < 50; hash++) assert.equal(plain.pick(hash), hash % 7);
  const heavy = new ModulaRing(servers(2, i => [3_000_000_000, 1_000_000_000][i]!));
  assert.equal(heavy.pick(2_999_999_999), 0);
  assert.equal(heavy.pick(3_000_000_000), 1);
  assert.equal(heavy.pick(4_000_000_000), 0);
});

test('random: live servers come about equally often, whatever they weigh', () => {
  const ring = new RandomRing(
    servers(4, i => i * 50 + 1),
    [true, true, false, true],
  );
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 30_000; i++) counts[ring.pick(0)]!++;
  assert.equal(counts[2], 0);
  // The standard deviation is 82, so that even 1,000 off does not happen by chance.
  for (const i of [0, 1, 3]) assert.ok(Math.abs(counts[i]! - 10_000) < 1000, `server ${i}: ${counts[i]}`);
});
