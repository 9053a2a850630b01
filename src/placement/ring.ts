import { KetamaRing } from './ketama.ts';
import type { KetamaPoints } from './ketama-points.ts';
import { ModulaRing } from './modula.ts';
import { RandomRing } from './random.ts';
import { checkServers, type RingServer } from './ring-server.ts';

/** What the `distribution` key of a pool may say. */
export const DISTRIBUTIONS = ['ketama', 'modula', 'random'] as const;

export type Distribution = (typeof DISTRIBUTIONS)[number];

/**
 * Maps a u32 hash to a server: `pick(hash)` is an index into the servers it was built of, or -1 when none of them is
 * alive. Immutable; `distribution` tells which of the three it is.
 */
export type Ring = KetamaRing | ModulaRing | RandomRing;

/**
 * Builds the ring of the servers for which `live` is true, or of all without it. `servers` may be in any order: the
 * order that routing depends on is that of the names. `kept`: the points of `servers` on a continuum, where they are at hand. Throws a RangeError for weights that no ring can have.
 */
export function buildRing(
  distribution: Distribution,
  servers: readonly RingServer[],
  live?: readonly boolean[],
  kept?: KetamaPoints,
): Ring {
  checkServers(servers);
  if (live !== undefined && live.length !== servers.length) throw new RangeError('live must have one entry per server');
  switch (distribution) {
    case 'ketama':
      return new KetamaRing(servers, live, kept);
    case 'modula':
      return new ModulaRing(servers, live);
    case 'random':
      return new RandomRing(servers, live);
  }
}
