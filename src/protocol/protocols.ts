import { memcachedProtocol } from './memcached/memcached.ts';
import type { Protocol } from './protocol.ts';
import type { ProtocolName } from './protocol-traits.ts';
import { redisProtocol } from './redis/redis.ts';

/** The protocols, for the data path; protocol-traits.ts has what the control side knows of each of them. */
export const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = {
  redis: redisProtocol,
  memcached: memcachedProtocol,
};
