import { md5Words } from '../hash/md5.ts';
import { liveInNameOrder, MAX_RING_SERVERS, type RingServer } from './ring-server.ts';

const POINTS_PER_SERVER = 160;
const POINTS_PER_DIGEST = 4;

/** Bounds the guide at 1 Mi entries; up to there it has at least one entry per point. */
const MAX_GUIDE_BITS = 20;
/** It has eight and more as long as that makes no more than 64 Ki entries: then few of them have a point inside. */
const FINER_BITS = 3;
const MAX_FINER_BITS = 16;

/**
 * The continuum: points on the circle of u32 hashes, each owned by a server. A hash belongs to the first point at or
 * after it, past the last one to the first.
 *
 * Built as twemproxy's `nc_ketama.c` does, rounding to float32 at every step: in float64 keys would move (at 25, 47, 50
 * and 100 servers, among others).
 */
export class KetamaRing {
  readonly distribution = 'ketama';
  /** The points in ascending order. */
  readonly points: Uint32Array;
  /** `owners[i]`: index, into the servers given, of the owner of `points[i]`. */
  readonly owners: Uint32Array;
  /** `guide[hash >>> guideShift]`: the first point at or after the least hash with these leading bits. */
  private readonly guide: Uint32Array;
  /** At the same index: the owner of all hashes with these leading bits; -1 when they have several. */
  private readonly soleOwners: Int32Array;
  private readonly guideShift: number;

  constructor(servers: readonly RingServer[], live?: readonly boolean[]) {
    const ordered = liveInNameOrder(servers, live);
    const sorted = sortedPoints(servers, ordered);
    this.points = new Uint32Array(sorted.length);
    this.owners = new Uint32Array(sorted.length);
    for (let i = 0; i < sorted.length; i++) {
      const packed = sorted[i]!;
      this.points[i] = Math.floor(packed / MAX_RING_SERVERS);
      this.owners[i] = ordered[packed % MAX_RING_SERVERS]!;
    }
    const pointBits = Math.min(MAX_GUIDE_BITS, Math.max(1, Math.ceil(Math.log2(sorted.length))));
    const guideBits = Math.max(pointBits, Math.min(pointBits + FINER_BITS, MAX_FINER_BITS));
    this.guideShift = 32 - guideBits;
    this.guide = guideTo(this.points, guideBits);
    this.soleOwners = soleOwners(this.guide, this.owners);
  }

  /** Index into the servers given of the owner of `hash` (u32); -1 when none is alive. */
  pick(hash: number): number {
    const owner = this.soleOwners[hash >>> this.guideShift]!;
    if (owner >= 0) return owner;
    return this.points.length === 0 ? -1 : this.owners[this.pointOf(hash)]!;
  }

  /** Index into `points` of the point that serves `hash` (u32); -1 when there is none. */
  pointOf(hash: number): number {
    const points = this.points;
    let i = this.guide[hash >>> this.guideShift]!;
    while (i < points.length && points[i]! < hash) i++;
    return i < points.length ? i : points.length === 0 ? -1 : 0;
  }
}

/**
 * All points of the live servers as `value × MAX_RING_SERVERS + rank`, ascending; `rank` is the owner's place in
 * `ordered`. Equal values so end up in name order, as a stable sort by value leaves them; 48 bits are exact in a double.
 */
function sortedPoints(servers: readonly RingServer[], ordered: Uint32Array): Float64Array {
  let totalWeight = 0;
  for (const index of ordered) totalWeight += servers[index]!.weight;
  const digests = Array.from(ordered, index => digestCount(servers[index]!.weight, totalWeight, ordered.length));
  const points = new Float64Array(digests.reduce((sum, count) => sum + count, 0) * POINTS_PER_DIGEST);
  const words = new Uint32Array(POINTS_PER_DIGEST);
  let n = 0;
  for (let rank = 0; rank < ordered.length; rank++) {
    const { name } = servers[ordered[rank]!]!;
    for (let j = 0; j < digests[rank]!; j++) {
      const text = Buffer.from(`${name}-${j}`);
      md5Words(text, 0, text.length, words);
      for (const word of words) points[n++] = word * MAX_RING_SERVERS + rank;
    }
  }
  return points.sort();
}

/**
 * For each value of the leading `bits` of a hash, the first point that can serve it. Points lie evenly, so from there a
 * lookup takes about one step, where a binary search takes one per doubling.
 */
function guideTo(points: Uint32Array, bits: number): Uint32Array {
  const guide = new Uint32Array(2 ** bits);
  const span = 2 ** (32 - bits);
  for (let prefix = 0, i = 0; prefix < guide.length; prefix++) {
    while (i < points.length && points[i]! < prefix * span) i++;
    guide[prefix] = i;
  }
  return guide;
}

/** For each entry of the guide, the owner of all hashes with these leading bits, or -1. */
function soleOwners(guide: Uint32Array, owners: Uint32Array): Int32Array {
  const sole = new Int32Array(guide.length).fill(-1);
  for (let prefix = 0; prefix + 1 < guide.length; prefix++) {
    const first = guide[prefix]!;
    // Without a point inside, all its hashes go to the first one after it; past the last point there is none.
    if (first === guide[prefix + 1] && first < owners.length) sole[prefix] = owners[first]!;
  }
  return sole;
}

/** How many digests, of four points each, a server of that weight puts on the ring. */
function digestCount(weight: number, totalWeight: number, nLive: number): number {
  const f = Math.fround;
  const share = f(f(weight) / f(totalWeight));
  return Math.floor(f(f(f(f(share * POINTS_PER_SERVER) / POINTS_PER_DIGEST) * nLive) + 1e-10));
}
