// How evenly each hash spreads keys over the servers of a ketama ring. Run: node bench/spread/main.ts
//
// A ring's servers own unequal arcs, which is the ring's doing; a hash is judged by how far the keys of each server are
// from what its arc asks for: chi-square over its degrees of freedom, about 1 for keys at random. Above, the busiest
// server's keys against the mean, which is what an operator sees.
import { HASH_NAMES, type HashFunction, hashFunction } from '../../src/hash/hash.ts';
import { KetamaRing } from '../../src/placement/ketama.ts';
import { murmur3, xxh32, xxh64 } from './candidates.ts';
import { KEY_FAMILIES, type KeyFamily } from './key-families.ts';

const SERVER_COUNTS = [2, 3, 4, 5, 8, 10, 16, 25, 50];
const KEY_COUNTS = [100, 1000, 20_000];

const HASHES: readonly (readonly [name: string, hash: HashFunction])[] = [
  ...HASH_NAMES.map(name => [name, hashFunction(name)] as const),
  ['(murmur3)', murmur3],
  ['(xxh32)', xxh32],
  ['(xxh64)', xxh64],
];

interface TestRing {
  readonly ring: KetamaRing;
  readonly shares: readonly number[];
}

const rings: readonly TestRing[] = SERVER_COUNTS.map(servers => {
  const ring = new KetamaRing(Array.from({ length: servers }, (_, i) => ({ name: `10.0.0.${i + 1}:6379`, weight: 1 })));
  return { ring, shares: sharesOf(ring, servers) };
});

function sharesOf(ring: KetamaRing, servers: number): number[] {
  const owned = new Array<number>(servers).fill(0);
  const { points, owners } = ring.listPoints();
  for (let i = 0; i < points.length; i++) owned[owners[i]!]! += points[i]! - (i === 0 ? -1 : points[i - 1]!);
  owned[owners[0]!]! += 2 ** 32 - 1 - points[points.length - 1]!;
  return owned.map(count => count / 2 ** 32);
}

/** Hashes of the first keys of a family. */
function hashesOf(family: KeyFamily, hash: HashFunction): Uint32Array {
  return Uint32Array.from({ length: KEY_COUNTS.at(-1)! }, (_, i) => {
    const key = Buffer.from(family.key(i));
    return hash(key, 0, key.length);
  });
}

function spread(hashes: Uint32Array, { ring, shares }: TestRing): { excess: number; chiSquare: number } {
  const counts = new Array<number>(shares.length).fill(0);
  for (const value of hashes) counts[ring.pick(value)]!++;
  const chiSquare = counts.reduce((sum, count, i) => {
    const expected = shares[i]! * hashes.length;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  return { excess: (Math.max(...counts) / hashes.length) * shares.length, chiSquare: chiSquare / (shares.length - 1) };
}

const four = rings[SERVER_COUNTS.indexOf(4)]!;
console.log('| hash | session:1…100 on 4 servers: busiest against mean | chi-square: mean | worst | where |');
console.log('|---|---|---|---|---|');
for (const [name, hash] of HASHES) {
  let [sum, count] = [0, 0];
  let worst = { chiSquare: 0, where: '' };
  const busiest = spread(hashesOf(KEY_FAMILIES[0]!, hash).subarray(0, 100), four).excess;
  for (const family of KEY_FAMILIES) {
    const hashes = hashesOf(family, hash);
    for (const keys of KEY_COUNTS) {
      for (const [i, ring] of rings.entries()) {
        const { chiSquare } = spread(hashes.subarray(0, keys), ring);
        sum += chiSquare;
        count++;
        if (chiSquare > worst.chiSquare) {
          worst = { chiSquare, where: `${keys} × ${family.name}, ${SERVER_COUNTS[i]} servers` };
        }
      }
    }
  }
  const cells = [busiest.toFixed(2), (sum / count).toFixed(2), worst.chiSquare.toFixed(1), worst.where];
  console.log(`| ${[name, ...cells].join(' | ')} |`);
}
