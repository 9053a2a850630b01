import { ranksOf } from '../placement/halfway.ts';
import { KeyRing, type KeyRingOptions } from '../placement/key-ring.ts';
import type { Placement } from '../placement/placement.ts';
import { SlotMap, type SlotMapOptions } from '../placement/slot-map.ts';
import { BY_FROM, BY_TO, TwoPlacements } from '../placement/two-placements.ts';
import type { BackendOptions } from './backend-options.ts';
import type { ReadOptions } from './read-choice.ts';

/** Of a pool that is a cluster. */
export interface ClusterOptions {
  /** Who has which slots, of `backends`. */
  readonly slots: SlotMapOptions;
  /** How often one request is sent on to another node. */
  readonly maxRedirects: number;
  /** How long a request may wait in all for its slot to be served. */
  readonly patienceMs: number;
}

/** A ring over some of the pool's servers. */
export interface PartRing {
  readonly ring: KeyRingOptions;
  /** For each server of the ring its index among `backends`. */
  readonly places: readonly number[];
}

/** Of a pool between two rings. */
export interface ReshardOptions {
  /** The same as long as it is the same change of the ring. */
  readonly id: string;
  /** `old`: requests go by `from`. `hold`: those for keys that move wait. `both`: they go by `to`, and keys are brought there first. */
  readonly phase: 'old' | 'hold' | 'both';
  /** Of the way that keys go now; `addresses`: of all backends, by which they sort. Null: the whole way is gone at once. */
  readonly half: { readonly isFirst: boolean; readonly addresses: readonly string[] } | null;
  readonly from: PartRing;
  readonly to: PartRing;
}

export interface PoolOptions {
  /** The servers change by themselves, and the master asks where they are. Left out: they don't. */
  readonly isFound?: boolean;
  readonly ring: Omit<KeyRingOptions, 'servers'>;
  /** Null, or left out: the servers are a ring. */
  readonly cluster?: ClusterOptions | null;
  /** Null, or left out: it is not between two rings. */
  readonly reshard?: ReshardOptions | null;
  /** Who answers reads. Null, or left out: who has the keys. */
  readonly reads?: ReadOptions | null;
  /** Those with keys of their own come first. */
  readonly backends: readonly (BackendOptions & { readonly weight: number })[];
}

/** A pool's next shape: all that can be refused is done, so that `apply` can't fail. */
export interface PoolPlan {
  readonly options: PoolOptions;
  readonly placement: Placement;
}

/**
 * Checks and builds the placement of a pool to be. `known`: the placement of a pool that it may be like; what is the same is
 * not computed again. Throws a RangeError for weights that no ring can have.
 */
export function planPool(options: PoolOptions, known: Placement | null = null): PoolPlan {
  const { reshard } = options;
  if (reshard) return { options, placement: planReshard(reshard, known) };
  if (options.cluster) return { options, placement: new SlotMap(options.cluster.slots) };
  const servers = options.backends.flatMap(({ name, weight, isReplica }) => (isReplica ? [] : [{ name, weight }]));
  return {
    options,
    placement: new KeyRing({ ...options.ring, servers }, known instanceof KeyRing ? known : null),
  };
}

function planReshard({ from, to, phase, half }: ReshardOptions, known: Placement | null): TwoPlacements {
  const parts = known instanceof TwoPlacements ? [known.from.placement, known.to.placement] : [known];
  const rings = parts.filter(ring => ring instanceof KeyRing);
  const placed = ({ ring, places }: PartRing) => {
    const placement = new KeyRing(ring, rings.find(each => each.isOf(ring)) ?? null);
    return { placement, places };
  };
  const halfWay = half === null ? null : { isFirst: half.isFirst, ranks: ranksOf(half.addresses) };
  return new TwoPlacements(placed(from), placed(to), phase === 'both' ? BY_TO : BY_FROM, halfWay);
}
