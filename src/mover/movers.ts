import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { MEMCACHED_MOVER } from './memcached/memcached-mover.ts';
import type { ProtocolMover } from './protocol-mover.ts';
import { REDIS_MOVER } from './redis/redis-mover.ts';

/** Who moves the keys of a pool, by its protocol; null: nobody can. */
export const MOVERS: Readonly<Record<ProtocolName, ProtocolMover | null>> = {
  redis: REDIS_MOVER,
  memcached: MEMCACHED_MOVER,
};
