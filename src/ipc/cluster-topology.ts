/** A server that was found, a node of a cluster or one that Sentinel looks after, as it is reached from here. */
export interface ClusterNode {
  /** Its address, `host:port`; of a master that Sentinel looks after, its name in the ring. Unique. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly isReplica: boolean;
  /** Of a replica: the name of whose keys it has a copy; null: nobody has said. */
  readonly primary: string | null;
  /** Every other `host:port` by which nodes speak of it. */
  readonly aliases: readonly string[];
}

/** The servers of a pool that are found, and who has which keys of a cluster: plain data, as the master sends it to its workers. */
export interface ClusterTopology {
  readonly nodes: readonly ClusterNode[];
  /** Of a cluster: first slot, last slot, index of the owner in `nodes`; and so on. What is in no range nobody has. */
  readonly ranges: readonly number[];
}

const SLOTS = 16_384;

export function isTopology(value: unknown): boolean {
  const { nodes, ranges } = (value ?? {}) as Partial<ClusterTopology>;
  if (!Array.isArray(nodes) || !Array.isArray(ranges) || ranges.length % 3 !== 0) return false;
  return nodes.every(isNode) && ranges.every((each, i) => isIndex(each, i % 3 === 2 ? nodes.length : SLOTS));
}

function isNode(value: unknown): boolean {
  const { name, host, port, isReplica, primary, aliases } = (value ?? {}) as Partial<ClusterNode>;
  const isText = [name, host].every(each => typeof each === 'string') && Number.isInteger(port);
  const isOf = primary === null || typeof primary === 'string';
  return isText && isOf && typeof isReplica === 'boolean' && Array.isArray(aliases);
}

function isIndex(value: unknown, end: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < end;
}
