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
  private readonly current: PartPlacement;

  constructor(from: PartPlacement, to: PartPlacement, by: typeof BY_FROM | typeof BY_TO) {
    this.from = from;
    this.to = to;
    this.current = by === BY_FROM ? from : to;
  }

  pick(buf: Uint8Array, start: number, end: number, access: Access): number {
    return placeOf(this.current, buf, start, end, access);
  }

  /** Whether the key `buf[start, end)` is another server's by the second placement than by the first. */
  moves(buf: Uint8Array, start: number, end: number, access: Access): boolean {
    this.fromPlace = placeOf(this.from, buf, start, end, access);
    this.toPlace = placeOf(this.to, buf, start, end, access);
    return this.fromPlace !== this.toPlace;
  }

  setLive(): void {}
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
