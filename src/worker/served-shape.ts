import { addressText } from '../config/address.ts';
import type { PoolConfig, ServerConfig } from '../config/config.ts';
import { isFound } from '../config/found-servers.ts';
import type { ReshardState } from '../ipc/reshard-state.ts';

/** The servers of both shapes of a pool, each once, and where those of either shape are among them. */
export interface ServerUnion {
  readonly servers: readonly ServerConfig[];
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/**
 * What is one server in both shapes says its address: it may have another name or weight. One of `to` that has another's name
 * has its address behind it.
 */
export function unionOf({ from, to }: Pick<ReshardState, 'from' | 'to'>): ServerUnion {
  const servers: ServerConfig[] = [];
  const places = new Map<string, number>();
  const names = new Set<string>();
  const placeOf = (server: ServerConfig): number => {
    const address = addressText(server.address);
    const known = places.get(address);
    if (known !== undefined) return known;
    const name = names.has(server.name) ? `${server.name} (${address})` : server.name;
    names.add(name);
    places.set(address, servers.length);
    servers.push({ ...server, name });
    return servers.length - 1;
  };
  return { from: from.servers.map(placeOf), to: to.servers.map(placeOf), servers };
}

/** The pool's settings as they are, with the servers and the ring that are in use by `state`. */
export function servedShape(config: PoolConfig, state: ReshardState | null): PoolConfig {
  if (state === null || isFound(config)) return config;
  const { phase, from, to } = state;
  const { hash, hashTag, distribution, servers } = phase === 'old' || phase === 'hold' ? from : to;
  const isBetween = phase !== 'new';
  const shape = { ...config, hash, hashTag, distribution };
  // A replica may not have yet what was brought to its server.
  return isBetween ? { ...shape, servers: unionOf(state).servers, readFrom: 'primary' } : { ...shape, servers };
}

/** Names of the servers that keys move to by `state`, as the pool has them. */
export function serversMovedTo(config: PoolConfig, state: ReshardState | null): readonly string[] {
  if (state === null || isFound(config) || state.phase === 'old' || state.phase === 'new') return [];
  const { servers, to } = unionOf(state);
  return [...new Set(to)].map(place => (servers[place] as ServerConfig).name);
}
