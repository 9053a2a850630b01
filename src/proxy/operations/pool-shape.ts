import { isDeepStrictEqual } from 'node:util';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { ClusterOptions, ReshardOptions } from '../../upstream/pool-plan.ts';

/** Which servers a pool had at a time, and how its keys were spread over them. */
export class PoolShape {
  private readonly reshard: ReshardOptions | null;
  private readonly holders: readonly Backend[];
  private readonly cluster: ClusterOptions | null;

  constructor({ reshard, holders, cluster }: Pool) {
    this.reshard = reshard;
    this.holders = holders;
    this.cluster = cluster;
  }

  /** The same servers, and as far from one ring to another. */
  isThatOf({ reshard, holders }: Pool): boolean {
    return (
      reshard === this.reshard &&
      holders.length === this.holders.length &&
      holders.every((holder, place) => holder === this.holders[place])
    );
  }

  /** In a cluster, from node to node. */
  haveSlotsMoved({ cluster }: Pool): boolean {
    return !isDeepStrictEqual(cluster, this.cluster);
  }
}
