import { liveInNameOrder, type RingServer } from './ring-server.ts';
import { SharedMemory } from './shared-memory.ts';

/**
 * The remainder of the hash, over a list in which each live server stands `weight` times. The list is kept as the places
 * where each server's run of entries ends, so that big weights cost no memory.
 */
export class ModulaRing extends SharedMemory {
  readonly distribution = 'modula';
  /** The length of the list: the total weight of the live servers. */
  readonly slots: number;
  /** `ends[i]`: one past the last slot of `owners[i]`, ascending. */
  readonly ends: Uint32Array;
  /** Indexes into the servers given of the live ones, in name order. */
  readonly owners: Uint32Array;

  constructor(servers: readonly RingServer[], live?: readonly boolean[]) {
    super();
    this.owners = liveInNameOrder(servers, live);
    this.ends = new Uint32Array(this.owners.length);
    let end = 0;
    for (let i = 0; i < this.owners.length; i++) {
      end += servers[this.owners[i]!]!.weight;
      this.ends[i] = end;
    }
    this.slots = end;
  }

  /** Index into the servers given of the owner of `hash` (u32); -1 when none is alive. */
  pick(hash: number): number {
    if (this.slots === 0) return -1;
    const slot = hash % this.slots;
    if (this.slots === this.owners.length) return this.owners[slot]!;
    const ends = this.ends;
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! <= slot) low = middle + 1;
      else high = middle;
    }
    return this.owners[low]!;
  }

  protected memory() {
    return null;
  }
}
