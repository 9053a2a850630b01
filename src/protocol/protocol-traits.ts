import { memcachedTraits } from './memcached/traits.ts';
import { redisTraits } from './redis/traits.ts';

/** The protocols, for the control side; protocols.ts has what the data path needs of each of them. */
export const PROTOCOL_TRAITS = { redis: redisTraits, memcached: memcachedTraits } as const;

export type ProtocolName = keyof typeof PROTOCOL_TRAITS;

export const PROTOCOL_NAMES = Object.keys(PROTOCOL_TRAITS) as readonly ProtocolName[];

/** What each of them alone has, together: a pool's settings are one table. */
export const PROTOCOL_SETTINGS = { ...redisTraits.settings, ...memcachedTraits.settings } as const;

/** The protocol that alone has the setting of this field; null: all have it. */
export function protocolOfSetting(field: string): ProtocolName | null {
  return PROTOCOL_NAMES.find(name => field in PROTOCOL_TRAITS[name].settings) ?? null;
}
