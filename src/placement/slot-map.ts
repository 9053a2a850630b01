import { keySlot, SLOTS } from '../hash/key-slot.ts';
import type { Placement } from './placement.ts';

/** Nobody has the slot. */
export const NO_OWNER = -1;

export interface SlotMapOptions {
  /** For each server of the pool, in its order: all `host:port` by which others speak of it. */
  readonly addresses: readonly (readonly string[])[];
  /** First slot, last slot, index of the server that has them; and so on. */
  readonly ranges: readonly number[];
}

/** Which server has which slot of a cluster, as far as is known: servers correct it in between. */
export class SlotMap implements Placement {
  readonly isRandom = false;
  /** Index of the server that has the slot, or NO_OWNER. */
  readonly owners = new Int16Array(SLOTS).fill(NO_OWNER);
  private readonly byAddress = new Map<string, number>();

  constructor({ addresses, ranges }: SlotMapOptions) {
    for (const [server, names] of addresses.entries()) for (const name of names) this.byAddress.set(name, server);
    for (let i = 0; i + 2 < ranges.length; i += 3) {
      this.owners.fill(ranges[i + 2] as number, ranges[i] as number, (ranges[i + 1] as number) + 1);
    }
  }

  /** No server is known: the cluster has not been asked, or has not answered yet. */
  get isEmpty(): boolean {
    return this.byAddress.size === 0;
  }

  pick(buf: Uint8Array, start: number, end: number): number {
    return this.owners[keySlot(buf, start, end)] as number;
  }

  /** A slot has one owner, and nobody stands in for it. */
  setLive(): void {}

  release(): void {}

  /** The server that is spoken of by this `host:port`; NO_OWNER: none that is known. */
  serverAt(address: string): number {
    return this.byAddress.get(address) ?? NO_OWNER;
  }
}
