import { type HashFunction, type HashName, hashFunction } from '../hash/hash.ts';
import { HashTag } from '../hash/hash-tag.ts';
import { KetamaPoints } from './ketama-points.ts';
import { ModulaRing } from './modula.ts';
import type { Placement } from './placement.ts';
import { buildRing, type Distribution, type Ring } from './ring.ts';
import type { RingServer } from './ring-server.ts';

export interface KeyRingOptions {
  readonly hash: HashName;
  /** The two bytes of `hash_tag`, or null. */
  readonly hashTag: readonly [number, number] | null;
  readonly distribution: Distribution;
  readonly servers: readonly RingServer[];
}

const NOBODY: Ring = new ModulaRing([]);

/**
 * From a key to a server: hash tag, hash and ring of one pool.
 *
 *     key bytes ── tag ──▶ bytes to hash ── hash ──▶ u32 ── ring ──▶ index into `servers`
 */
export class KeyRing implements Placement {
  readonly servers: readonly RingServer[];
  /** The ring over the servers that are live now; replaced, never changed, by `setLive`. */
  ring: Ring;
  private readonly hash: HashFunction;
  private readonly tag: HashTag | null;
  /** A pool of one server and a random one have no use for the hash; twemproxy takes 0 there. */
  private readonly skipsHash: boolean;
  private readonly distribution: Distribution;
  /** So that a change of what is live costs no hashing and sorting. */
  private readonly points: KetamaPoints;
  private readonly options: KeyRingOptions;

  /** All servers are live in `ring`. */
  private isWhole = true;
  private isReleased = false;

  /**
   * Starts with all servers live. Throws a RangeError for weights that no ring can have. `known`: another ring, perhaps of the
   * same options; then nothing is computed again.
   */
  constructor(options: KeyRingOptions, known: KeyRing | null = null) {
    this.servers = options.servers;
    this.distribution = options.distribution;
    this.hash = hashFunction(options.hash);
    this.tag = options.hashTag === null ? null : new HashTag(options.hashTag[0], options.hashTag[1]);
    this.skipsHash = options.servers.length === 1 || options.distribution === 'random';
    this.options = options;
    const same = known?.isOf(options) === true ? known : null;
    this.points = same?.points.retain() ?? new KetamaPoints(options.servers);
    this.ring = same?.isWhole
      ? same.ring.retain()
      : buildRing(options.distribution, options.servers, undefined, this.points);
  }

  get isRandom(): boolean {
    return this.distribution === 'random' && this.servers.length > 1;
  }

  /** Whether a ring of these options is the same, but for what is live; one that was released is none. */
  isOf({ hash, hashTag, distribution, servers }: KeyRingOptions): boolean {
    const own = this.options;
    return (
      !this.isReleased &&
      own.hash === hash &&
      own.distribution === distribution &&
      own.hashTag?.[0] === hashTag?.[0] &&
      own.hashTag?.[1] === hashTag?.[1] &&
      own.servers.length === servers.length &&
      servers.every(({ name, weight }, i) => own.servers[i]?.name === name && own.servers[i]?.weight === weight)
    );
  }

  /** Index into `servers` of the server for the key `buf[start, end)`; -1 when none is live. */
  pick(buf: Uint8Array, start: number, end: number): number {
    return this.ring.pick(this.hashOf(buf, start, end));
  }

  /** The u32 by which the key `buf[start, end)` is placed: of its tag if it has one; 0 for an empty key. */
  hashOf(buf: Uint8Array, start: number, end: number): number {
    if (this.skipsHash || start === end) return 0;
    const tag = this.tag;
    if (tag === null) return this.hash(buf, start, end);
    tag.locate(buf, start, end);
    return this.hash(buf, tag.start, tag.end);
  }

  /** Rebuilds the ring over the servers whose entry is true; one entry per server. Not for the hot path. */
  setLive(live: readonly boolean[]): void {
    if (this.isReleased) return;
    const isWhole = live.every(isLive => isLive);
    if (isWhole && this.isWhole && live.length === this.servers.length) return;
    const before = this.ring;
    this.ring = buildRing(this.distribution, this.servers, live, this.points);
    this.isWhole = isWhole;
    before.release();
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.ring.release();
    this.points.release();
    // Who asks all the same must not read what may be another's by then.
    this.ring = NOBODY;
  }
}
