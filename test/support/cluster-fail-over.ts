// Fail-overs of real clusters: on demand, and because a primary is lost.
import type { ClusterNode, RedisCluster } from './redis-cluster.ts';
import { waitFor } from './wait-for.ts';

/** What a node tells of its role, by itself; '' while it tells nothing. */
async function replicationOf({ server }: ClusterNode): Promise<string> {
  return String(await server.command('INFO', 'replication').catch(() => ''));
}

/** Those that say that they are primaries. */
export async function primariesOf({ nodes }: RedisCluster): Promise<ClusterNode[]> {
  const infos = await Promise.all(nodes.map(replicationOf));
  return nodes.filter((_, i) => infos[i]?.includes('role:master\r\n'));
}

/** Those that say that they follow `node`. */
export async function replicasOf(cluster: RedisCluster, node: ClusterNode): Promise<ClusterNode[]> {
  const others = cluster.nodes.filter(each => each !== node);
  const infos = await Promise.all(others.map(replicationOf));
  return others.filter((_, i) => infos[i]?.includes(`master_port:${node.server.port}\r\n`));
}

/** CLUSTER FAILOVER to a replica of `node`, until it has taken over and all living nodes say so; resolves with it. */
export async function failOver(cluster: RedisCluster, node: ClusterNode, slot: number): Promise<ClusterNode> {
  const [successor] = await replicasOf(cluster, node);
  if (successor === undefined) throw new Error(`${node.server.port} has no replica`);
  const isPrimary = async () => (await replicationOf(successor)).includes('role:master\r\n');
  // A node gives it up when it takes more than five seconds.
  const isDone = async () => {
    await successor.server.command('CLUSTER', 'FAILOVER');
    return waitFor(isPrimary, { what: 'a fail-over', timeoutMs: 7000 }).catch(() => false);
  };
  await waitFor(isDone, { what: 'a fail-over on demand', timeoutMs: 30_000 });
  await cluster.untilOwner(slot, successor);
  return successor;
}

/** `node` was killed or hangs: the others find it dead, and promote a replica of it. Resolves with that one. */
export async function untilReplaced(cluster: RedisCluster, node: ClusterNode): Promise<ClusterNode> {
  const others = cluster.nodes.filter(each => each !== node);
  const candidates = await replicasOf(cluster, node);
  await cluster.setPatience(others, 'short');
  await Promise.all(
    candidates.map(({ server }) => server.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'no')),
  );
  const promoted = async () => {
    const infos = await Promise.all(candidates.map(replicationOf));
    return candidates.find((_, i) => infos[i]?.includes('role:master\r\n'));
  };
  const successor = await waitFor(promoted, { what: 'a replica to be promoted', timeoutMs: 30_000 });
  await cluster.setPatience(others, 'long');
  await Promise.all(
    candidates.map(({ server }) => server.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes')),
  );
  return successor;
}
