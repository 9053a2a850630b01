/** A node of a cluster as it is reached from here. */
export interface ClusterNode {
  /** Its address, `host:port`. Unique. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly isReplica: boolean;
  /** Every other `host:port` by which nodes speak of it. */
  readonly aliases: readonly string[];
}

/** Who has which keys of a cluster: plain data, as the master sends it to its workers. */
export interface ClusterTopology {
  readonly nodes: readonly ClusterNode[];
  /** First slot, last slot, index of the owner in `nodes`; and so on. What is in no range nobody has. */
  readonly ranges: readonly number[];
}

const SLOTS = 16_384;

export function isTopology(value: unknown): boolean {
  const { nodes, ranges } = (value ?? {}) as Partial<ClusterTopology>;
  if (!Array.isArray(nodes) || !Array.isArray(ranges) || ranges.length % 3 !== 0) return false;
  return nodes.every(isNode) && ranges.every((each, i) => isIndex(each, i % 3 === 2 ? nodes.length : SLOTS));
}

function isNode(value: unknown): boolean {
  const { name, host, port, isReplica, aliases } = (value ?? {}) as Partial<ClusterNode>;
  const isText = [name, host].every(each => typeof each === 'string') && Number.isInteger(port);
  return isText && typeof isReplica === 'boolean' && Array.isArray(aliases);
}

function isIndex(value: unknown, end: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < end;
}
