import { type Memory, takeMemory } from '../memory/uncounted-memory.ts';
import { KetamaPoints, type LivePoints } from './ketama-points.ts';
import type { RingServer } from './ring-server.ts';
import { SharedMemory } from './shared-memory.ts';

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
export class KetamaRing extends SharedMemory {
  readonly distribution = 'ketama';
  /**
   * `guide[hash >>> guideShift]`: the owner of all hashes with these leading bits; where they have several, -1 - the
   * first place among the points whose point may serve one of them.
   */
  private readonly guide: Int16Array | Int32Array;
  private readonly guideShift: number;
  private readonly values: LivePoints['values'];
  private readonly ids: LivePoints['ids'];
  private readonly ownerOfId: LivePoints['ownerOfId'];
  /** The owner of the first point; -1: there is none. */
  private readonly firstOwner: number;

  /** `kept`: the points that `servers` may have; what is live of them is taken from there. */
  constructor(servers: readonly RingServer[], live?: readonly boolean[], kept = new KetamaPoints(servers)) {
    super();
    const { values, ids, ownerOfId } = kept.live(live);
    this.values = values;
    this.ids = ids;
    this.ownerOfId = ownerOfId;
    this.firstOwner = this.ownerFrom(0, 0, -1);
    const places = values.length;
    const pointBits = Math.min(MAX_GUIDE_BITS, Math.max(1, Math.ceil(Math.log2(places))));
    const guideBits = Math.max(pointBits, Math.min(pointBits + FINER_BITS, MAX_FINER_BITS));
    this.guideShift = 32 - guideBits;
    const length = 2 ** guideBits;
    const isShort = Math.max(servers.length, places) < 2 ** 15;
    this.guide = isShort ? new Int16Array(takeMemory(2 * length)) : new Int32Array(takeMemory(4 * length));
    this.fillGuide();
  }

  /** Index into the servers given of the owner of `hash` (u32); -1 when none is alive. */
  pick(hash: number): number {
    const entry = this.guide[hash >>> this.guideShift]!;
    return entry >= 0 ? entry : this.ownerFrom(-1 - entry, hash, this.firstOwner);
  }

  /** The points in ascending order; `owners[i]`: index, into the servers given, of the owner of `points[i]`. Not for the hot path. */
  listPoints(): { readonly points: Uint32Array; readonly owners: Uint32Array } {
    const points: number[] = [];
    const owners: number[] = [];
    const { values, ids, ownerOfId } = this;
    for (const [i, value] of values.entries()) {
      const owner = ownerOfId[ids[i]!]!;
      if (owner < 0) continue;
      points.push(value);
      owners.push(owner);
    }
    return { points: Uint32Array.from(points), owners: Uint32Array.from(owners) };
  }

  protected memory(): Memory {
    return this.guide.buffer;
  }

  /** The owner of the first point from that place on that is at or after `hash`; `past` when there is none. */
  private ownerFrom(place: number, hash: number, past: number): number {
    const { values, ids, ownerOfId } = this;
    for (let i = place; i < values.length; i++) {
      if (values[i]! < hash) continue;
      const owner = ownerOfId[ids[i]!]!;
      if (owner >= 0) return owner;
    }
    return past;
  }

  /** Points lie evenly, so from where the guide leads a lookup takes about one step, where a binary search takes one per doubling. */
  private fillGuide(): void {
    const { guide, values, ids, ownerOfId, firstOwner } = this;
    const span = 2 ** this.guideShift;
    let place = this.nextLive(0);
    for (let prefix = 0; prefix < guide.length; prefix++) {
      const end = (prefix + 1) * span;
      const owner = place < values.length ? ownerOfId[ids[place]!]! : firstOwner;
      const isSole = place === values.length || values[place]! >= end;
      guide[prefix] = isSole && owner >= 0 ? owner : -1 - place;
      while (place < values.length && values[place]! < end) place = this.nextLive(place + 1);
    }
  }

  /** The first place from `place` on whose point is live; behind the last one, how many there are. */
  private nextLive(place: number): number {
    const { values, ids, ownerOfId } = this;
    let i = place;
    while (i < values.length && ownerOfId[ids[i]!]! < 0) i++;
    return i;
  }
}
