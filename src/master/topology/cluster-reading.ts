import { addressText } from '../../config/address.ts';
import type { MappedAddress } from '../../config/tables/cluster-settings.ts';
import type { ClusterNode, ClusterTopology } from '../../ipc/cluster-topology.ts';
import type { ClusterAnswer } from '../../protocol/traits.ts';

/** What one node said, as addresses that are reached from here. */
export interface ClusterReading {
  readonly topology: ClusterTopology;
  /** The name of who said it. */
  readonly from: string;
  readonly isOk: boolean;
  readonly epoch: number;
}

/**
 * Makes a topology of what the node `from`, at `askedHost`, answered. Nodes are sorted by name, primaries first, and ranges by
 * slot, so that the same cluster is the same data whoever tells it.
 */
export function readTopology(
  answer: ClusterAnswer,
  from: string,
  askedHost: string,
  addressMap: readonly MappedAddress[],
): ClusterReading {
  const map = new Map(addressMap.map(mapped => [mapped.from, mapped.to]));
  const owners = new Set(answer.ranges.filter((_, i) => i % 3 === 2));
  const told = answer.nodes.map((node, i) => {
    const hosts = node.host === '' ? node.others : [node.host, ...node.others];
    const reached = mappedAddress(node.host === '' ? askedHost : node.host, node.port, map);
    const aliases = hosts.map(host => addressText({ host, port: node.port })).sort();
    // One that is down and owns nothing is of no use to anybody, until it is back.
    const isUseful = !node.isDown || owners.has(i);
    const { isReplica } = node;
    return { node: { name: addressText(reached), ...reached, isReplica, primary: null, aliases }, isUseful };
  });
  const primaryOf = (i: number) => told[answer.nodes[i]!.primary]?.node.name ?? null;
  const byName = new Map<string, ClusterNode>();
  // Two that are reached at one address are one: the primary.
  for (const [i, { node, isUseful }] of told.entries()) {
    if (!isUseful || (byName.has(node.name) && node.isReplica)) continue;
    byName.set(node.name, { ...node, primary: primaryOf(i) });
  }
  const nodes = [...byName.values()].sort(
    (a, b) => Number(a.isReplica) - Number(b.isReplica) || (a.name < b.name ? -1 : 1),
  );
  const places = new Map(nodes.map(({ name }, place) => [name, place]));
  return {
    topology: { nodes, ranges: sortedRanges(answer.ranges, told, places) },
    from,
    isOk: answer.isOk,
    epoch: answer.epoch,
  };
}

function sortedRanges(
  ranges: readonly number[],
  told: readonly { readonly node: { readonly name: string } }[],
  places: ReadonlyMap<string, number>,
): number[] {
  const sorted: (readonly [number, number, number])[] = [];
  for (let i = 0; i + 2 < ranges.length; i += 3) {
    sorted.push([ranges[i]!, ranges[i + 1]!, places.get(told[ranges[i + 2]!]!.node.name)!]);
  }
  return sorted.sort((a, b) => a[0] - b[0]).flat();
}

/** By host and port, else by host. */
function mappedAddress(host: string, port: number, map: ReadonlyMap<string, string>) {
  const whole = map.get(addressText({ host, port }));
  if (whole === undefined) return { host: map.get(host) ?? host, port };
  const colon = whole.lastIndexOf(':');
  return { host: whole.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(whole.slice(colon + 1)) };
}
