import type { KetamaRing } from './ketama.ts';
import type { ModulaRing } from './modula.ts';
import { MAX_RING_SERVERS } from './ring-server.ts';

/** How many values a hash function can give. */
export const HASH_VALUES = 2 ** 32;

/**
 * A ring as runs of hashes with one owner, from hash 0 on, repeated after `length` hashes:
 *
 *     ketama   |--b--|-a-|---c---|-b-|       one lap is the whole circle
 *     modula   |aab|aab|aab|aab|aab|aa       one lap is the list of slots; the last may be cut short
 *
 * So both can be laid side by side and what they share be counted, to the last hash, without trying 2³² of them.
 */
export interface HashCycle {
  readonly length: number;
  /** One past the last hash of each run, ascending; the last is `length`. */
  readonly ends: Float64Array;
  /** The owner of each run: an index into the servers of the ring. */
  readonly owners: Uint32Array;
}

/** Every hash belongs to server 0. */
export const ONE_OWNER: HashCycle = { length: 1, ends: Float64Array.of(1), owners: Uint32Array.of(0) };

/** The runs of a ring. A ketama ring must have points. */
export function cycleOf(ring: KetamaRing | ModulaRing): HashCycle {
  if (ring.distribution === 'modula') {
    return { length: ring.slots, ends: Float64Array.from(ring.ends), owners: ring.owners };
  }
  const { points, owners } = ring.listPoints();
  // A point's run ends with the point itself; what lies behind the last belongs to the first.
  const ends = new Float64Array(points.length + 1);
  const runOwners = new Uint32Array(points.length + 1);
  for (let i = 0; i < points.length; i++) {
    ends[i] = points[i]! + 1;
    runOwners[i] = owners[i]!;
  }
  ends[points.length] = HASH_VALUES;
  runOwners[points.length] = owners[0]!;
  return { length: HASH_VALUES, ends, owners: runOwners };
}

const CRC32_VALUES = 2 ** 15;
/** The bits of the CRC below those that twemproxy's `crc32` takes. */
const CRC32_STEP = 2 ** 16;

/**
 * What a ring that is asked with `crc32` does to the full CRC-32, which is `crc32a`: it looks at bits 16 to 30 alone.
 * So crc32's 32,768 values get the weight they have, and its rings compare with those of crc32a.
 */
export function throughCrc32(cycle: HashCycle): HashCycle {
  const ends: number[] = [];
  const owners: number[] = [];
  for (let base = 0, end = 0; end < CRC32_VALUES; base += cycle.length) {
    for (let i = 0; i < cycle.ends.length && end < CRC32_VALUES; i++) {
      end = Math.min(base + cycle.ends[i]!, CRC32_VALUES);
      ends.push(end * CRC32_STEP);
      owners.push(cycle.owners[i]!);
    }
  }
  return { length: CRC32_VALUES * CRC32_STEP, ends: Float64Array.from(ends), owners: Uint32Array.from(owners) };
}

/** How many of the hashes below `values` each of `servers` owns. */
export function countOwned(cycle: HashCycle, servers: number, values: number = HASH_VALUES): Float64Array {
  const counts = new Float64Array(servers);
  for (const { from, hashes } of countPairs(cycle, ONE_OWNER, values)) counts[from]! += hashes;
  return counts;
}

/** That many hashes belong to `from` in the one ring and to `to` in the other. */
export interface OwnerPair {
  readonly from: number;
  readonly to: number;
  readonly hashes: number;
}

/** Of the hashes below `values`, how many each pair of owners has in `a` and `b`; only pairs that occur. Exact. */
export function countPairs(a: HashCycle, b: HashCycle, values: number = HASH_VALUES): OwnerPair[] {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const counts = new Map<number, number>();
  const add = (shortOwner: number, longOwner: number, hashes: number) => {
    if (hashes === 0) return;
    const key = shortOwner * MAX_RING_SERVERS + longOwner;
    counts.set(key, (counts.get(key) ?? 0) + hashes);
  };
  const lap = Math.min(values, leastCommonMultiple(a.length, b.length));
  const laps = Math.floor(values / lap);
  layTogether(short, long, lap, (s, l, hashes) => add(s, l, hashes * laps));
  layTogether(short, long, values - laps * lap, add);
  return [...counts].map(([key, hashes]) => {
    const shortOwner = Math.floor(key / MAX_RING_SERVERS);
    const longOwner = key % MAX_RING_SERVERS;
    return short === a ? { from: shortOwner, to: longOwner, hashes } : { from: longOwner, to: shortOwner, hashes };
  });
}

/**
 * Goes through the hashes below `limit`, run by run of the longer cycle. Whole laps of the shorter one inside such a
 * run are counted and not walked, which is what keeps big weights cheap.
 */
function layTogether(
  short: HashCycle,
  long: HashCycle,
  limit: number,
  add: (shortOwner: number, longOwner: number, hashes: number) => void,
): void {
  const wholeLaps = new Map<number, number>();
  let run = 0;
  let left = short.ends[0]!;
  let at = 0;
  for (let base = 0; base < limit; base += long.length) {
    for (let i = 0; i < long.ends.length && at < limit; i++) {
      const owner = long.owners[i]!;
      const end = Math.min(base + long.ends[i]!, limit);
      let rest = end - at;
      at = end;
      const laps = Math.floor(rest / short.length);
      if (laps > 0) wholeLaps.set(owner, (wholeLaps.get(owner) ?? 0) + laps);
      rest -= laps * short.length;
      while (rest > 0) {
        const hashes = Math.min(rest, left);
        add(short.owners[run]!, owner, hashes);
        rest -= hashes;
        left -= hashes;
        // Two points of a ketama ring may be equal: the run of the second is empty.
        while (left === 0) {
          run = run + 1 < short.ends.length ? run + 1 : 0;
          left = runLength(short, run);
        }
      }
    }
  }
  for (const [owner, laps] of wholeLaps) {
    for (let i = 0; i < short.ends.length; i++) add(short.owners[i]!, owner, laps * runLength(short, i));
  }
}

function runLength(cycle: HashCycle, run: number): number {
  return cycle.ends[run]! - (run === 0 ? 0 : cycle.ends[run - 1]!);
}

/** May be rounded above 2⁵³; below, it is exact. */
function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
