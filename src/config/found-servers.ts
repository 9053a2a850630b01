import type { HostPort } from './address.ts';
import type { PoolConfig, ServerConfig } from './config.ts';

/** A server that was found, as far as it can stand for a configured one. */
export interface FoundServer extends HostPort {
  readonly name: string;
}

/** Where the servers are is asked, and changes by itself. */
export function isFound({ cluster, sentinel }: Pick<PoolConfig, 'cluster' | 'sentinel'>): boolean {
  return cluster !== null || sentinel !== null;
}

/** The servers of a pool with these found: the nodes of a cluster, or the masters that are configured, where they are. */
export function foundServers(pool: PoolConfig, nodes: readonly FoundServer[]): ServerConfig[] {
  if (pool.cluster !== null) return nodes.map(({ name, host, port }) => ({ name, address: { host, port }, weight: 1 }));
  const byName = new Map(nodes.map(node => [node.name, node]));
  return pool.servers.map(server => {
    const node = byName.get(server.name);
    return node === undefined ? server : { ...server, address: { host: node.host, port: node.port } };
  });
}
