import type { MemoryHolder } from '../memory/memory-ceiling.ts';

/** What the workers tell each other of what a pool's servers have; plain data, and the protocol's own. */
export type KeptChange = Readonly<Record<string, unknown>>;

/** What a parser keeps for all clients of a pool, for servers that lack it. */
export interface KeptMemory extends MemoryHolder {
  /** Told of what changes by a client of this worker. All workers, this one too, hear it in the same order. */
  tell: (change: KeptChange) => void;
  hear(change: KeptChange): void;
}
