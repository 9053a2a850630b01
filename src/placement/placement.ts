/** What a request does to its key: a placement may send reads elsewhere than writes. */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export type Access = typeof ACCESS_READ | typeof ACCESS_WRITE;

/** Which server of a pool a key belongs to. The hash ring is one. */
export interface Placement {
  /** It takes no notice of the key. */
  readonly isRandom: boolean;
  /** Index among the pool's servers of the one for the key `buf[start, end)`; -1 when none can have it. */
  pick(buf: Uint8Array, start: number, end: number, access: Access): number;
  /** From now on only the servers whose entry is true are picked; one entry per server. Not for the hot path. */
  setLive(live: readonly boolean[]): void;
  /** Nobody will ask it again: what only it has goes back to the system now. Who asks all the same gets -1. */
  release(): void;
}
