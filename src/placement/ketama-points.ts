import { md5Words } from '../hash/md5.ts';
import { type Memory, takeMemory } from '../memory/uncounted-memory.ts';
import { liveInNameOrder, type RingServer } from './ring-server.ts';
import { SharedMemory } from './shared-memory.ts';

const POINTS_PER_SERVER = 160;
const POINTS_PER_DIGEST = 4;
/** What is left of a double's 53 bits beside a point of 32: so many digests can be told apart in the keys that are sorted. */
const ID_LIMIT = 2 ** 21;
/** One digest more than needed: rounding gives a server one more or less with the number of those that are live. */
const SPARE_DIGESTS = 1;

/**
 * Points in ascending order: `values[i]` is of the digest, or the server, of number `ids[i]`. Both in one piece of memory.
 */
interface NumberedPoints {
  readonly values: Uint32Array;
  readonly ids: Uint16Array | Uint32Array;
}

/** The points of a ring among those that are kept: `ownerOfId[ids[i]]` is an index into the servers given; -1: not live, and no point of the ring. */
export interface LivePoints extends NumberedPoints {
  readonly ownerOfId: Int32Array;
}

/**
 * The points that a set of servers may have on a continuum, kept in order: those of the servers that are live are taken
 * from them, without any hashing and sorting. How many digests, of four points each, a server has depends on the weights
 * and the number of those that are live, so now and then some are added.
 *
 * As twemproxy's `nc_ketama.c` does it, rounding to float32 at every step: in float64 keys would move (at 25, 47, 50 and 100
 * servers, among others).
 */
export class KetamaPoints extends SharedMemory {
  private readonly servers: readonly RingServer[];
  /** Indexes into `servers` in name order; a server's place in it is its rank. */
  private readonly ordered: Uint32Array;
  /** By rank: how many of its digests are here; and the number, over all, of its first one. */
  private digests: Uint32Array;
  private firstIds: Uint32Array;
  /** By the numbers of their digests; replaced, never changed. */
  private points: NumberedPoints = numberedPoints(0, 0, size => new ArrayBuffer(size));

  constructor(servers: readonly RingServer[]) {
    super();
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
    return { ...this.points, ownerOfId };
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
    return {
      ...sorted(
        keys,
        numberedPoints(n, counts.length, size => new ArrayBuffer(size)),
      ),
      ownerOfId: Int32Array.from(this.ordered),
    };
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

  protected memory(): Memory {
    return this.points.values.buffer;
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
    // Rings of before may still go by what was here.
    this.points = sorted(keys, numberedPoints(n, sum(digests), takeMemory));
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
    const { values, ids } = this.points;
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

/** Room for so many points with numbers below `idCount`. */
function numberedPoints(count: number, idCount: number, take: (bytes: number) => Memory): NumberedPoints {
  const isShort = idCount <= 2 ** 16;
  const memory = take(count * (isShort ? 6 : 8));
  const values = new Uint32Array(memory, 0, count);
  const at = values.byteLength;
  return { values, ids: isShort ? new Uint16Array(memory, at, count) : new Uint32Array(memory, at, count) };
}

/** Sorts keys, each a point × `ID_LIMIT` and the number of its digest or server, and takes them apart; then they are gone. */
function sorted(keys: Float64Array<ArrayBuffer>, points: NumberedPoints): NumberedPoints {
  const { values, ids } = points;
  keys.sort();
  for (let i = 0; i < keys.length; i++) {
    const value = Math.floor(keys[i]! / ID_LIMIT);
    values[i] = value;
    ids[i] = keys[i]! - value * ID_LIMIT;
  }
  keys.buffer.transfer(0);
  return points;
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
