import { addressText, type FixedAddress, type ServerAddress } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { serverCredentials } from '../config/server-credentials.ts';
import type { Half } from '../config/tables/ring-settings.ts';
import { laterOf, ranksOf } from '../placement/halfway.ts';
import { KeyRing } from '../placement/key-ring.ts';
import type { ServerCredentials } from '../protocol/traits.ts';
import { isProbeKey } from './probe-key.ts';

/** How a server is reached. */
export type Reached = Pick<PlacedServer, 'address' | 'credentials'>;

/** A server of either placement. */
export interface PlacedServer {
  /** As a person reads it: what tells servers apart. */
  readonly text: string;
  readonly address: FixedAddress;
  /** What it is told at first; null: nothing. */
  readonly credentials: ServerCredentials | null;
  /** Whether it has keys before, and after. */
  readonly isFrom: boolean;
  readonly isTo: boolean;
}

/**
 * Who has a key in the placement `from` and who in `to`, as indexes into `servers`: all addresses of both. A server that only
 * changes its name is the same one.
 */
export class KeyOwners {
  readonly servers: readonly PlacedServer[];
  private readonly before: KeyRing;
  private readonly after: KeyRing;
  private readonly beforeIndex: readonly number[];
  private readonly afterIndex: readonly number[];

  private readonly half: Half;
  private readonly ranks: readonly number[];

  constructor(from: PoolConfig, to: PoolConfig, half: Half = 'whole') {
    this.half = half;
    const texts = (pool: PoolConfig) => pool.servers.map(({ address }) => addressText(address));
    const [before, after] = [texts(from), texts(to)];
    const addresses = new Map(
      [from, to].flatMap(pool =>
        pool.servers.map(server => {
          const { address } = server;
          const place = { address: fixed(address), credentials: serverCredentials(pool, server) };
          return [addressText(address), place] as const;
        }),
      ),
    );
    const all = [...addresses.keys()];
    this.ranks = ranksOf(all);
    this.servers = all.map(text => ({
      ...{ text, ...addresses.get(text)! },
      ...{ isFrom: before.includes(text), isTo: after.includes(text) },
    }));
    this.beforeIndex = before.map(text => all.indexOf(text));
    this.afterIndex = after.map(text => all.indexOf(text));
    this.before = ringOfPool(from);
    this.after = ringOfPool(to);
  }

  from(key: Buffer): number {
    return this.half === 'second' ? this.halfway(key) : this.first(key);
  }

  to(key: Buffer): number {
    return this.half === 'first' ? this.halfway(key) : this.last(key);
  }

  /** Whether a key that the server has is one of a client's, and belongs elsewhere. */
  isOrphan(key: Buffer, server: number): boolean {
    return this.from(key) !== server && !isProbeKey(key);
  }

  private halfway(key: Buffer): number {
    return laterOf(this.ranks, this.first(key), this.last(key));
  }

  private first(key: Buffer): number {
    return this.beforeIndex[this.before.pick(key, 0, key.length)]!;
  }

  private last(key: Buffer): number {
    return this.afterIndex[this.after.pick(key, 0, key.length)]!;
  }
}

/** Who is followed by name is refused before anything is begun. */
function fixed(address: ServerAddress): FixedAddress {
  if ('master' in address) throw new Error(`${addressText(address)} has no address of its own`);
  return address;
}

function ringOfPool({ hash, hashTag, distribution, servers }: PoolConfig): KeyRing {
  const tag = hashTag === null ? null : Buffer.from(hashTag);
  return new KeyRing({ hash, hashTag: tag === null ? null : [tag[0]!, tag[1]!], distribution, servers });
}
