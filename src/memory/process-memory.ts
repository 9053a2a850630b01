import { getHeapStatistics } from 'node:v8';

let lastResidentBytes = 0;

/** Resident memory of this process. It is read from a file: while none can be opened, what it was before. */
export function residentBytes(): number {
  try {
    lastResidentBytes = process.memoryUsage.rss();
  } catch {
    // EMFILE, most likely: no reason to die of it.
  }
  return lastResidentBytes;
}

export interface HeapMemory {
  readonly usedBytes: number;
  /** Outside the heap, held by objects in it: buffers above all. */
  readonly externalBytes: number;
}

/** Everything in use, garbage that was not collected yet included. */
export function heapMemory(): HeapMemory {
  const { used_heap_size: usedBytes, external_memory: externalBytes } = getHeapStatistics();
  return { usedBytes, externalBytes };
}
