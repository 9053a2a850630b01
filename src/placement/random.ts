import { liveInNameOrder, type RingServer } from './ring-server.ts';
import { SharedMemory } from './shared-memory.ts';

/** Any live server, each as likely as the other: as in twemproxy neither the hash nor the weights matter. */
export class RandomRing extends SharedMemory {
  readonly distribution = 'random';
  /** Indexes into the servers given of the live ones. */
  readonly owners: Uint32Array;
  /** Of Marsaglia's xorshift32, never 0. `Math.random` would box its result on every call. */
  private state = (Math.random() * 2 ** 32) | 1;

  constructor(servers: readonly RingServer[], live?: readonly boolean[]) {
    super();
    this.owners = liveInNameOrder(servers, live);
  }

  /** Index into the servers given of a live server; -1 when there is none. */
  pick(_hash: number): number {
    if (this.owners.length === 0) return -1;
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return this.owners[(x >>> 0) % this.owners.length]!;
  }

  protected memory() {
    return null;
  }
}
