import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countOwned,
  countPairs,
  cycleOf,
  HASH_VALUES,
  type HashCycle,
  throughCrc32,
} from '../../../src/placement/hash-cycle.ts';
import { KetamaRing } from '../../../src/placement/ketama.ts';
import { ModulaRing } from '../../../src/placement/modula.ts';
import { SeededRandom, seedFrom } from '../../support/seeded-random.ts';

const seed = seedFrom('CLI_SEED');
const random = new SeededRandom(seed);

/** Owner of a hash, looked up the slow way. */
function ownerIn(cycle: HashCycle, hash: number): number {
  return cycle.owners[cycle.ends.findIndex(end => hash % cycle.length < end)]!;
}

function randomCycle(length: number): HashCycle {
  const runs = random.between(1, Math.min(length, 12));
  // With repetition: an empty run is what two equal points of a ketama ring make.
  const cuts = Array.from({ length: runs - 1 }, () => random.between(1, length)).sort((a, b) => a - b);
  return {
    length,
    ends: Float64Array.from([...cuts, length]),
    owners: Uint32Array.from({ length: runs }, () => random.between(0, 4)),
  };
}

function bruteForce(a: HashCycle, b: HashCycle, values: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let hash = 0; hash < values; hash++) {
    const key = `${ownerIn(a, hash)}→${ownerIn(b, hash)}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const asRecord = (a: HashCycle, b: HashCycle, values?: number) =>
  Object.fromEntries(countPairs(a, b, values).map(({ from, to, hashes }) => [`${from}→${to}`, hashes]));

test(`pairs of owners are counted as trying every hash counts them (CLI_SEED=${seed})`, () => {
  for (let round = 0; round < 400; round++) {
    const a = randomCycle(random.between(1, random.pick([3, 12, 150])));
    const b = randomCycle(random.between(1, random.pick([3, 12, 150])));
    const values = random.between(1, random.pick([10, 200, 3000]));
    assert.deepEqual(asRecord(a, b, values), bruteForce(a, b, values), JSON.stringify({ a, b, values }));
  }
});

const servers = (weights: readonly number[], prefix = 's') =>
  weights.map((weight, i) => ({ name: `${prefix}${i}`, weight }));

test('two modula rings are counted exactly over all 2^32 hashes', () => {
  // 2^32 = 6 × 715,827,882 + 4: of each 6 hashes, 0 and 3 → a … and the last four are 0, 1, 2, 3.
  const laps = 715_827_882;
  const two = cycleOf(new ModulaRing(servers([1, 1])));
  const three = cycleOf(new ModulaRing(servers([1, 1, 1])));
  assert.deepEqual(asRecord(two, three), {
    '0→0': laps + 1,
    '1→1': laps + 1,
    '0→2': laps + 1,
    '1→0': laps + 1,
    '0→1': laps,
    '1→2': laps,
  });
});

test('weights that no loop could go through are still counted exactly', () => {
  // L1 = 7 and L2 = 3,000,000,007 have no common factor.
  const a = cycleOf(new ModulaRing(servers([3, 4])));
  const b = cycleOf(new ModulaRing(servers([1_000_000_000, 2_000_000_007])));
  const remainders = (from: number, below: number, residues: readonly number[]) => {
    let count = 0;
    for (const residue of residues) {
      count += Math.floor((below - residue + 6) / 7) - Math.floor((from - residue + 6) / 7);
    }
    return count;
  };
  const lap = 3_000_000_007;
  const rest = HASH_VALUES - lap;
  const want = (residues: readonly number[]) => ({
    first: remainders(0, 1e9, residues) + remainders(lap, lap + 1e9, residues),
    second: remainders(1e9, lap, residues) + remainders(lap + 1e9, lap + rest, residues),
  });
  assert.deepEqual(asRecord(a, b), {
    '0→0': want([0, 1, 2]).first,
    '1→0': want([3, 4, 5, 6]).first,
    '0→1': want([0, 1, 2]).second,
    '1→1': want([3, 4, 5, 6]).second,
  });
});

test('a ketama cycle gives each hash the owner that the ring gives it', () => {
  const ring = new KetamaRing(servers([1, 2, 5]));
  const cycle = cycleOf(ring);
  const telling = [0, HASH_VALUES - 1];
  for (const point of ring.listPoints().points) telling.push(point, (point + 1) % HASH_VALUES);
  for (const hash of telling) assert.equal(ownerIn(cycle, hash), ring.pick(hash), `hash ${hash}`);
  const counts = countOwned(cycle, 3);
  assert.equal(counts[0]! + counts[1]! + counts[2]!, HASH_VALUES);
});

test('a ring behind crc32 owns what its 32,768 values own', () => {
  for (const ring of [
    new ModulaRing(servers([1, 2, 4])),
    new ModulaRing(servers([20_000, 20_000])),
    new KetamaRing(servers([1, 1, 1])),
  ]) {
    const want = [0, 0, 0];
    for (let value = 0; value < 32_768; value++) want[ring.pick(value)]! += HASH_VALUES / 32_768;
    const cycle = throughCrc32(cycleOf(ring));
    assert.deepEqual([...countOwned(cycle, 3)], want);
    for (let i = 0; i < 1000; i++) {
      const crc = random.between(0, HASH_VALUES - 1);
      assert.equal(ownerIn(cycle, crc), ring.pick((crc >>> 16) & 0x7fff));
    }
  }
});
