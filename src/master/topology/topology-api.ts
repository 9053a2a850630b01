import { type ApiRoute, paged } from '../../admin/api.ts';
import type { TopologyNodeRow, TopologyRow } from '../../admin/topology-row.ts';
import { addressText } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import type { TopologyWatch } from './topology-watch.ts';

const SLOTS = 16_384;

/** The servers that are found, and by what is known of them. */
export interface Discovery {
  /** The pools with the servers that were found. */
  foundPools(): readonly PoolConfig[];
  rows(): readonly TopologyRow[];
}

/** GET /api/v1/topology. */
export function topologyRoute(discovery: Discovery): ApiRoute {
  return {
    method: 'GET',
    path: '/api/v1/topology',
    async handle({ query }) {
      const only = query.get('pool');
      return paged(
        query,
        'pools',
        discovery.rows().filter(({ pool }) => only === null || pool === only),
      );
    },
  };
}

export function topologyRow(pool: PoolConfig, watch: TopologyWatch): TopologyRow {
  const { topology, why, refreshes, failures, failOvers } = watch;
  const isCluster = pool.cluster !== null;
  const ranges = rangesByOwner(topology?.ranges ?? []);
  const nodes = (topology?.nodes ?? []).map((node, i): TopologyNodeRow => {
    const own = ranges.get(i) ?? [];
    return {
      server: node.name,
      address: addressText(node),
      role: node.isReplica ? 'replica' : 'primary',
      since: timeText(watch.roleSinceMs(node.name)) as string,
      slots: own.reduce((sum, [first, last]) => sum + last - first + 1, 0),
      ranges: own.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)),
    };
  });
  const served = nodes.reduce((sum, { slots }) => sum + slots, 0);
  return {
    ...{ pool: pool.name, kind: isCluster ? 'cluster' : 'sentinel', why },
    ...{ refreshedAt: timeText(watch.refreshedAtMs), changedAt: timeText(watch.changedAtMs) },
    ...{ refreshes, failures, failOvers, unservedSlots: isCluster ? SLOTS - served : null, nodes },
  };
}

function rangesByOwner(ranges: readonly number[]): ReadonlyMap<number, (readonly [number, number])[]> {
  const byOwner = new Map<number, (readonly [number, number])[]>();
  for (let i = 0; i + 2 < ranges.length; i += 3) {
    const [first, last, owner] = ranges.slice(i, i + 3) as [number, number, number];
    const own = byOwner.get(owner);
    if (own === undefined) byOwner.set(owner, [[first, last]]);
    else own.push([first, last]);
  }
  return byOwner;
}

function timeText(atMs: number): string | null {
  return atMs === 0 ? null : new Date(atMs).toISOString();
}
