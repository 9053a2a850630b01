import { addressText, type ServerAddress } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { isFound } from '../config/found-servers.ts';
import { serverCredentials } from '../config/server-credentials.ts';
import type { ServerCredentials } from '../protocol/traits.ts';
import type { ClusterTopology } from './cluster-topology.ts';

/** A server of a pool, configured or found. */
export interface PoolServer {
  readonly name: string;
  readonly address: ServerAddress;
  readonly weight: number;
  /** It has a copy of another's keys, and none of its own. */
  readonly isReplica: boolean;
  /** Of a replica: the name of whose keys it has a copy; null: nobody has said. */
  readonly primary: string | null;
  /** Where it stands; null: nobody has said. */
  readonly zone: string | null;
  /** What it is told at first; null: nothing. */
  readonly credentials: ServerCredentials | null;
}

/**
 * The servers of a pool: those with keys of their own first, in their order in the ring. `topology`: null of a pool whose servers
 * are not found, or not yet. Replicas that nobody reads from are left out, but for those of a cluster.
 */
export function poolServers(pool: PoolConfig, topology: ClusterTopology | null): PoolServer[] {
  const zones = new Map((pool.zones ?? []).map(({ at, zone }) => [at, zone]));
  const zoneOf = (address: ServerAddress): string | null =>
    zones.get(addressText(address)) ?? ('host' in address ? zones.get(address.host) : undefined) ?? null;
  const shared = serverCredentials(pool);
  const own = new Map(pool.servers.map(server => [server.name, serverCredentials(pool, server)]));
  const nodes = (topology?.nodes ?? []).map((node): PoolServer => {
    const address = { host: node.host, port: node.port };
    const credentials = own.get(node.primary ?? node.name) ?? shared;
    return { ...node, address, weight: 1, zone: zoneOf(address), credentials };
  });
  if (pool.cluster !== null) return nodes;
  const byName = new Map(nodes.map(node => [node.name, node]));
  const primaries = pool.servers.map(({ name, address, weight, zone }): PoolServer => {
    const at = byName.get(name)?.address ?? address;
    const credentials = own.get(name) ?? null;
    return { name, address: at, weight, isReplica: false, primary: null, zone: zone ?? zoneOf(at), credentials };
  });
  if (pool.readFrom === 'primary') return primaries;
  if (isFound(pool)) return [...primaries, ...nodes.filter(node => node.isReplica)];
  const replicas = pool.servers.flatMap(server =>
    (server.replicas ?? []).map(({ address, zone }): PoolServer => {
      const name = addressText(address);
      const credentials = own.get(server.name) ?? null;
      const at = zone ?? zoneOf(address);
      return { name, address, weight: 1, isReplica: true, primary: server.name, zone: at, credentials };
    }),
  );
  return [...primaries, ...replicas];
}
