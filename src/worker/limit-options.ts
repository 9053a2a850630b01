import type { LimitConfig, PoolConfig, PoolUser } from '../config/config.ts';
import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { PROTOCOLS } from '../protocol/protocols.ts';
import type { LimitOptions } from '../proxy/limits/limit-options.ts';
import type { PlaceOptions } from '../proxy/limits/places.ts';

/** What the data path needs of the limits of a tenant whose clients speak `protocol`. */
export function limitOptions(config: LimitConfig | null, protocol: ProtocolName): LimitOptions | null {
  if (config === null) return null;
  const { requests, bytesIn, bytesOut, commands, pending, requestBytes, requestKeys, burstMs, over } = config;
  return {
    ...{ requests, bytesIn, bytesOut, pending, requestBytes, requestKeys, burstMs, isRefusing: over === 'error' },
    commands: (commands ?? []).map(({ name, amount, periodMs }) => ({
      name,
      rate: { amount, periodMs },
      commands: new Set(PROTOCOLS[protocol].commandsOf(name)),
    })),
  };
}

/** How many connections there may be at once, of the pool, of each address, and of the users that have a limit. */
export function placeOptions({ clientConnections, addressLimits, users }: PoolConfig): PlaceOptions {
  return {
    pool: clientConnections,
    address: addressLimits?.connections ?? 0,
    users: new Map(
      (users ?? []).flatMap(({ name, limits }) => (limits?.connections ? [[name, limits.connections]] : [])),
    ),
  };
}

/** Of the users that have some, by name. */
export function userLimits(users: readonly PoolUser[], protocol: ProtocolName): ReadonlyMap<string, LimitOptions> {
  return new Map(
    users.flatMap(({ name, limits }) => {
      const options = limitOptions(limits, protocol);
      return options === null ? [] : [[name, options] as const];
    }),
  );
}
