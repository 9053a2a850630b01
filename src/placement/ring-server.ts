/** The most servers a ring takes; a ketama ring of this size has ten million points. */
export const MAX_RING_SERVERS = 65_536;

/** The sum of all weights stays below this, as in twemproxy's 32-bit counter. */
export const MAX_TOTAL_WEIGHT = 2 ** 32 - 1;

/** A server as the ring sees it. `name` is from `ringName`; `weight` is an integer ≥ 1. */
export interface RingServer {
  readonly name: string;
  readonly weight: number;
}

/** Throws a RangeError when a ring cannot be built of these servers: too many of them, or a weight out of bounds. */
export function checkServers(servers: readonly RingServer[]): void {
  if (servers.length > MAX_RING_SERVERS) throw new RangeError(`a ring takes at most ${MAX_RING_SERVERS} servers`);
  let total = 0;
  for (const { name, weight } of servers) {
    if (!Number.isInteger(weight) || weight < 1) throw new RangeError(`${name}: weight must be an integer ≥ 1`);
    total += weight;
  }
  if (total > MAX_TOTAL_WEIGHT) throw new RangeError(`the weights of a ring add up to more than ${MAX_TOTAL_WEIGHT}`);
}

/**
 * Indexes into `servers` of the live ones, in twemproxy's order: by the name's length in bytes, then by its bytes.
 * Without `live` all are. Servers of the same name keep the order given.
 */
export function liveInNameOrder(servers: readonly RingServer[], live?: readonly boolean[]): Uint32Array {
  const names = servers.map(server => Buffer.from(server.name));
  const indexes: number[] = [];
  for (let i = 0; i < servers.length; i++) if (live === undefined || live[i] === true) indexes.push(i);
  indexes.sort((a, b) => names[a]!.length - names[b]!.length || Buffer.compare(names[a]!, names[b]!));
  return Uint32Array.from(indexes);
}
