import { laterOf } from './halfway.ts';
import type { Access, Placement } from './placement.ts';

/** A placement over some of a pool's servers. */
export interface PartPlacement {
  readonly placement: Placement;
  /** For each of its servers, in its order, the index among those of the pool. */
  readonly places: readonly number[];
}

/** Which of the two decides. */
export const BY_FROM = 0;
export const BY_TO = 1;

/** The half of the way that is gone now: from the first placement to the halfway one, or from that to the second. */
interface HalfWay {
  readonly isFirst: boolean;
  /** For each server of the pool, how it sorts. */
  readonly ranks: readonly number[];
}

/**
 * Two placements of the same keys, over all servers of both: a key whose server differs in the two moves. Nobody stands in for
 * a server that is out of service, lest a key be in a third place.
 */
export class TwoPlacements implements Placement {
  readonly isRandom = false;
  readonly from: PartPlacement;
  readonly to: PartPlacement;
  /** Of the key that `moves` was last asked about: indexes of its servers. */
  fromPlace = -1;
  toPlace = -1;
  private readonly by: typeof BY_FROM | typeof BY_TO;
  private readonly half: HalfWay | null;

  /** `half`: null where the whole way is gone at once. */
  constructor(from: PartPlacement, to: PartPlacement, by: typeof BY_FROM | typeof BY_TO, half: HalfWay | null = null) {
    this.from = from;
    this.to = to;
    this.by = by;
    this.half = half;
  }

  pick(buf: Uint8Array, start: number, end: number, access: Access): number {
    const { by, half } = this;
    const place = placeOf(by === BY_FROM ? this.from : this.to, buf, start, end, access);
    // Just one end of each half is the halfway placement.
    if (half === null || half.isFirst === (by === BY_FROM)) return place;
    const other = placeOf(by === BY_FROM ? this.to : this.from, buf, start, end, access);
    return place < 0 || other < 0 ? -1 : laterOf(half.ranks, place, other);
  }

  /** Whether the key `buf[start, end)` is another server's by the second placement than by the first. */
  moves(buf: Uint8Array, start: number, end: number, access: Access): boolean {
    this.fromPlace = placeOf(this.from, buf, start, end, access);
    this.toPlace = placeOf(this.to, buf, start, end, access);
    const { half } = this;
    if (half !== null && this.fromPlace >= 0 && this.toPlace >= 0) {
      const later = laterOf(half.ranks, this.fromPlace, this.toPlace);
      if (half.isFirst) this.toPlace = later;
      else this.fromPlace = later;
    }
    return this.fromPlace !== this.toPlace;
  }

  setLive(): void {}

  /** Sweeps that are under way go on asking: it is left to the collector. */
  release(): void {}
}

function placeOf(
  { placement, places }: PartPlacement,
  buf: Uint8Array,
  start: number,
  end: number,
  access: Access,
): number {
  const index = placement.pick(buf, start, end, access);
  return index < 0 ? index : (places[index] as number);
}
