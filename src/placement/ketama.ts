import { KetamaPoints } from './ketama-points.ts';
import type { RingServer } from './ring-server.ts';

/** Bounds the guide at 1 Mi entries; up to there it has at least one entry per point. */
const MAX_GUIDE_BITS = 20;
/** It has eight and more as long as that makes no more than 64 Ki entries: then few of them have a point inside. */
const FINER_BITS = 3;
const MAX_FINER_BITS = 16;

/**
 * The continuum: points on the circle of u32 hashes, each owned by a server. A hash belongs to the first point at or
 * after it, past the last one to the first.
 * Where the points lie: ketama-points.ts.
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

  /** `kept`: the points that `servers` may have; what is live of them is taken from there. */
  constructor(servers: readonly RingServer[], live?: readonly boolean[], kept = new KetamaPoints(servers)) {
    const { points, owners } = kept.live(live);
    this.points = points;
    this.owners = owners;
    const pointBits = Math.min(MAX_GUIDE_BITS, Math.max(1, Math.ceil(Math.log2(points.length))));
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
