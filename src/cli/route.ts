import { addressText } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { type HashName, hashFunction } from '../hash/hash.ts';
import { HashTag } from '../hash/hash-tag.ts';
import { keySlot } from '../hash/key-slot.ts';
import type { ClusterReading } from '../master/topology/cluster-reading.ts';
import type { KeyRing } from '../placement/key-ring.ts';
import { keyText } from './key-text.ts';
import { clusterNow } from './online.ts';
import { keyRingOf } from './pool-ring.ts';
import { counted, textTable } from './text-table.ts';
import { UsageError } from './usage-error.ts';

export interface RouteOptions {
  readonly confFile: string;
  /** null: all pools. */
  readonly pool: string | null;
  readonly asJson: boolean;
  /** Ask clusters who has which slots. */
  readonly isOnline: boolean;
}

/** Where one key goes in one pool, and by which steps. */
export interface Route {
  readonly pool: string;
  /** For reading; `keyBase64` has the bytes. */
  readonly key: string;
  readonly keyBase64: string;
  /** `hash`: by the steps below. `slot`: a cluster says who has it. Else nothing was computed: the pool has one server, or takes any. */
  readonly by: 'hash' | 'slot' | 'only-server' | 'random';
  /** Of a pool that is a cluster. */
  readonly slot?: number;
  /** null: any of the pool's. */
  readonly server: { readonly name: string; readonly address: string; readonly weight: number } | null;
  readonly steps: RouteSteps | null;
}

export interface RouteSteps {
  /** Whether `hash_tag` cut a part out of the key. */
  readonly isTagged: boolean;
  /** What was hashed: the part, or the whole key. */
  readonly hashed: string;
  readonly hashedBase64: string;
  readonly hash: HashName;
  /** 0 for an empty key, without asking the hash. */
  readonly value: number;
  /** The point or the slot that the value meets; both counted from 0. */
  readonly place:
    | { readonly distribution: 'ketama'; readonly point: number; readonly index: number; readonly points: number }
    | { readonly distribution: 'modula'; readonly slot: number; readonly slots: number };
}

/**
 * `ringmaster route`: the text to print.
 * @throws ConfigError when the file cannot be used, UsageError when it has no such pool
 */
export async function routeKeys(options: RouteOptions, keys: readonly Buffer[]): Promise<string> {
  const pools = poolsOf(options.confFile, options.pool);
  const slots = new Map(options.isOnline ? await Promise.all(pools.filter(isCluster).map(slotsOf)) : []);
  const routes = pools.flatMap(pool => {
    const ring = keyRingOf(pool);
    return keys.map(key => withOwner(routeOf(pool, ring, key), slots.get(pool.name)));
  });
  return options.asJson ? `${JSON.stringify(routes, null, 2)}\n` : toText(routes, pools);
}

/**
 * The pools of a file, or the one of that name.
 * @throws ConfigError when the file cannot be used, UsageError when it has no such pool
 */
export function poolsOf(confFile: string, name: string | null): readonly PoolConfig[] {
  const config = loadConfig(confFile);
  if (name === null) return config.pools;
  const pool = config.pools.find(each => each.name === name);
  if (pool !== undefined) return [pool];
  const names = config.pools.map(each => each.name).join(', ');
  throw new UsageError(`there is no pool "${name}"; the file has: ${names}`);
}

const isCluster = ({ cluster }: PoolConfig): boolean => cluster !== null;

/** @throws UsageError when no seed says */
async function slotsOf(pool: PoolConfig): Promise<readonly [string, ClusterReading['topology']]> {
  const now = await clusterNow(pool);
  if (typeof now === 'string') throw new UsageError(`pool ${pool.name}: nobody says who has which slots: ${now}`);
  return [pool.name, now.topology];
}

function withOwner(route: Route, topology: ClusterReading['topology'] | undefined): Route {
  const { slot } = route;
  if (topology === undefined || slot === undefined) return route;
  const { nodes, ranges } = topology;
  for (let i = 0; i + 2 < ranges.length; i += 3) {
    const node = nodes[ranges[i + 2] as number];
    if (node === undefined || slot < (ranges[i] as number) || slot > (ranges[i + 1] as number)) continue;
    return { ...route, server: { name: node.name, address: addressText(node), weight: 1 } };
  }
  return route;
}

/** Follows the key through the ring of its pool. */
export function routeOf(pool: PoolConfig, ring: KeyRing, key: Buffer): Route {
  const base = { pool: pool.name, key: keyText(key), keyBase64: key.toString('base64') };
  if (pool.cluster !== null) {
    return { ...base, by: 'slot', slot: keySlot(key, 0, key.length), server: null, steps: null };
  }
  if (pool.servers.length === 1) return { ...base, by: 'only-server', server: serverOf(pool, 0), steps: null };
  if (ring.ring.distribution === 'random') return { ...base, by: 'random', server: null, steps: null };
  const hashed = hashedPart(pool, key);
  const value = key.length === 0 ? 0 : hashFunction(pool.hash)(hashed, 0, hashed.length);
  const picked = ring.pick(key, 0, key.length);
  return {
    ...base,
    by: 'hash',
    server: serverOf(pool, picked),
    steps: {
      isTagged: hashed !== key,
      hashed: keyText(hashed),
      hashedBase64: hashed.toString('base64'),
      hash: pool.hash,
      value,
      place: placeOf(ring, value),
    },
  };
}

/** The part of the key that is hashed; the key itself when its tag does not apply. */
function hashedPart(pool: PoolConfig, key: Buffer): Buffer {
  if (pool.hashTag === null) return key;
  const [open, close] = Buffer.from(pool.hashTag);
  const tag = new HashTag(open!, close!);
  tag.locate(key, 0, key.length);
  const isWhole = tag.start === 0 && tag.end === key.length;
  return isWhole ? key : key.subarray(tag.start, tag.end);
}

function placeOf({ ring }: KeyRing, value: number): RouteSteps['place'] {
  if (ring.distribution === 'ketama') {
    const { points } = ring.listPoints();
    const index = Math.max(
      0,
      points.findIndex(point => point >= value),
    );
    return { distribution: 'ketama', point: points[index]!, index, points: points.length };
  }
  if (ring.distribution === 'modula') return { distribution: 'modula', slot: value % ring.slots, slots: ring.slots };
  throw new Error('a random ring has no places');
}

function serverOf(pool: PoolConfig, index: number): Route['server'] {
  const { name, address, weight } = pool.servers[index]!;
  return { name, address: addressText(address), weight };
}

function toText(routes: readonly Route[], pools: readonly PoolConfig[]): string {
  const rows = routes.map(route => {
    const servers = pools.find(pool => pool.name === route.pool)!.servers.length;
    const server = route.server?.name ?? (route.by === 'slot' ? '(its owner)' : '(any)');
    return [route.pool, route.key, server, route.server?.address ?? '', reason(route, servers)];
  });
  const header = ['pool', 'key', 'server', 'address', 'because'];
  const table = [header, ...rows];
  return textTable(pools.length > 1 ? table : table.map(row => row.slice(1)));
}

function reason({ by, slot, server, steps }: Route, servers: number): string {
  if (by === 'slot') return `slot ${slot}${server === null ? ', whose owner the cluster knows' : ''}`;
  if (by === 'only-server') return 'the only server of the pool';
  if (by === 'random' || steps === null) return `distribution: random, any of ${counted(servers, 'server')} each time`;
  const what = steps.isTagged ? `hash_tag ${steps.hashed}` : steps.hashed;
  const { place } = steps;
  const where =
    place.distribution === 'ketama'
      ? `point ${place.point} (no. ${place.index + 1} of ${place.points})`
      : `slot ${place.slot} of ${place.slots}`;
  return `${steps.hash}(${what}) = ${steps.value}, ${place.distribution} ${where}`;
}
