import { md5Words } from '../hash/md5.ts';
import { liveInNameOrder, type RingServer } from './ring-server.ts';

const POINTS_PER_SERVER = 160;
const POINTS_PER_DIGEST = 4;
/** What is left of a double's 53 bits beside a point of 32: so many digests can be told apart in the keys that are sorted. */
const ID_LIMIT = 2 ** 21;
/** One digest more than needed: rounding gives a server one more or less with the number of those that are live. */
const SPARE_DIGESTS = 1;

/** The points of a ring in ascending order; `owners[i]`: index, into the servers given, of the owner of `points[i]`. */
export interface LivePoints {
  readonly points: Uint32Array;
  readonly owners: Uint32Array;
}

/**
 * The points that a set of servers may have on a continuum, kept in order: those of the servers that are live are taken
 * from them, without any hashing and sorting. How many digests, of four points each, a server has depends on the weights
 * and the number of those that are live, so now and then some are added.
 *
 * As twemproxy's `nc_ketama.c` does it, rounding to float32 at every step: in float64 keys would move (at 25, 47, 50 and 100
 * servers, among others).
 */
export class KetamaPoints {
  private readonly servers: readonly RingServer[];
  /** Indexes into `servers` in name order; a server's place in it is its rank. */
  private readonly ordered: Uint32Array;
  /** By rank: how many of its digests are here; and the number, over all, of its first one. */
  private digests: Uint32Array;
  private firstIds: Uint32Array;
  private values: Uint32Array = new Uint32Array(0);
  /** `ids[i]`: the number of the digest that `values[i]` is of. */
  private ids: Uint32Array = new Uint32Array(0);

  constructor(servers: readonly RingServer[]) {
    this.servers = servers;
    this.ordered = liveInNameOrder(servers);
    this.digests = new Uint32Array(servers.length);
    this.firstIds = new Uint32Array(servers.length);
  }

  /** Those of the servers whose entry is true; of all without `live`. Equal points are in name order, as a stable sort leaves them. */
  live(live?: readonly boolean[]): LivePoints {
    const { ordered } = this;
    const counts = this.digestCounts(live);
    const total = sum(counts);
    if (total + ordered.length * (1 + SPARE_DIGESTS) >= ID_LIMIT) return this.fresh(counts, total);
    if (counts.some((count, rank) => count > this.digests[rank]!)) this.add(counts);
    const ownerOfId = new Int32Array(sum(this.digests)).fill(-1);
    for (let rank = 0; rank < ordered.length; rank++) {
      const first = this.firstIds[rank]!;
      ownerOfId.fill(ordered[rank]!, first, first + counts[rank]!);
    }
    const points = new Uint32Array(total * POINTS_PER_DIGEST);
    const owners = new Uint32Array(points.length);
    const { values, ids } = this;
    let n = 0;
    for (let i = 0; i < values.length; i++) {
      const owner = ownerOfId[ids[i]!]!;
      if (owner < 0) continue;
      points[n] = values[i]!;
      owners[n++] = owner;
    }
    return { points, owners };
  }

  /** As `live`, of tens of thousands of servers: nothing is kept. */
  private fresh(counts: Uint32Array, total: number): LivePoints {
    const keys = new Float64Array(total * POINTS_PER_DIGEST);
    let n = 0;
    for (let rank = 0; rank < counts.length; rank++) {
      for (let j = 0; j < counts[rank]!; j++) {
        for (const word of this.digest(rank, j)) keys[n++] = word * ID_LIMIT + rank;
      }
    }
    const { values, ids } = sorted(keys);
    return { points: values, owners: ids.map(rank => this.ordered[rank]!) };
  }

  /** By rank; 0 for those that are not live. */
  private digestCounts(live?: readonly boolean[]): Uint32Array {
    const { servers, ordered } = this;
    let totalWeight = 0;
    let nLive = 0;
    for (let i = 0; i < servers.length; i++) {
      if (live !== undefined && live[i] !== true) continue;
      totalWeight += servers[i]!.weight;
      nLive++;
    }
    const isLive = (index: number) => live === undefined || live[index] === true;
    return ordered.map(index => (isLive(index) ? digestCount(servers[index]!.weight, totalWeight, nLive) : 0));
  }

  /** Has at least `counts` digests, by rank, from now on. */
  private add(counts: Uint32Array): void {
    const had = this.digests;
    const digests = counts.map((count, rank) =>
      count === 0 ? had[rank]! : Math.max(count + SPARE_DIGESTS, had[rank]!),
    );
    const firstIds = new Uint32Array(digests.length);
    for (let rank = 1; rank < digests.length; rank++) firstIds[rank] = firstIds[rank - 1]! + digests[rank - 1]!;
    const keys = new Float64Array(sum(digests) * POINTS_PER_DIGEST);
    let n = this.renumber(keys, firstIds);
    for (let rank = 0; rank < digests.length; rank++) {
      for (let j = had[rank]!; j < digests[rank]!; j++) {
        for (const word of this.digest(rank, j)) keys[n++] = word * ID_LIMIT + firstIds[rank]! + j;
      }
    }
    const { values, ids } = sorted(keys);
    this.values = values;
    this.ids = ids;
    this.digests = digests;
    this.firstIds = firstIds;
  }

  /** Puts what is here into `keys`, numbered from other `firstIds`; how many these are. */
  private renumber(keys: Float64Array, firstIds: Uint32Array): number {
    const moves = new Float64Array(sum(this.digests));
    for (let rank = 0; rank < firstIds.length; rank++) {
      const first = this.firstIds[rank]!;
      moves.fill(firstIds[rank]! - first, first, first + this.digests[rank]!);
    }
    const { values, ids } = this;
    for (let i = 0; i < values.length; i++) keys[i] = values[i]! * ID_LIMIT + ids[i]! + moves[ids[i]!]!;
    return values.length;
  }

  /** The four points of digest `j` of a server; valid until the next call. */
  private digest(rank: number, j: number): Uint32Array {
    const text = Buffer.from(`${this.servers[this.ordered[rank]!]!.name}-${j}`);
    md5Words(text, 0, text.length, words);
    return words;
  }
}

const words = new Uint32Array(POINTS_PER_DIGEST);

/** Sorts keys, each a point × `ID_LIMIT` and the number of its digest or owner, and takes them apart. */
function sorted(keys: Float64Array): { readonly values: Uint32Array; readonly ids: Uint32Array } {
  keys.sort();
  const values = new Uint32Array(keys.length);
  const ids = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const value = Math.floor(keys[i]! / ID_LIMIT);
    values[i] = value;
    ids[i] = keys[i]! - value * ID_LIMIT;
  }
  return { values, ids };
}

function sum(counts: Uint32Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

/** How many digests, of four points each, a server of that weight puts on the ring. */
function digestCount(weight: number, totalWeight: number, nLive: number): number {
  const f = Math.fround;
  const share = f(f(weight) / f(totalWeight));
  return Math.floor(f(f(f(f(share * POINTS_PER_SERVER) / POINTS_PER_DIGEST) * nLive) + 1e-10));
}
