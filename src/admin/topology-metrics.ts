import type { StatKind } from '../figures/statistics.ts';
import type { TopologyRow } from './topology-row.ts';

/** Of a pool whose servers are found; null: it has no such figure. */
export const TOPOLOGY_METRICS: readonly {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  value(row: TopologyRow): number | null;
}[] = [
  {
    name: 'ringmaster_pool_topology_refreshes_total',
    kind: 'counter',
    help: 'times the servers of the pool were asked for (cluster, sentinel)',
    value: row => row.refreshes,
  },
  {
    name: 'ringmaster_pool_topology_failures_total',
    kind: 'counter',
    help: 'times nobody knew the servers of the pool (cluster, sentinel)',
    value: row => row.failures,
  },
  {
    name: 'ringmaster_pool_topology_age_seconds',
    kind: 'gauge',
    help: 'since the servers of the pool were last told (cluster, sentinel)',
    value: row => (row.refreshedAt === null ? null : (Date.now() - Date.parse(row.refreshedAt)) / 1000),
  },
  {
    name: 'ringmaster_pool_fail_overs_total',
    kind: 'counter',
    help: 'times another server of the pool has taken over (cluster, sentinel)',
    value: row => row.failOvers,
  },
  {
    name: 'ringmaster_pool_unserved_slots',
    kind: 'gauge',
    help: 'slots of the cluster that nobody has',
    value: row => row.unservedSlots,
  },
];
