/*
 * Memory for large arrays that stay long, of which V8 takes no notice. Those that it counts make it mark the whole heap for
 * each 64 MB that are new, and what it collects of them goes back to the system in one go: hundreds of megabytes of
 * rings stopped a worker's clients for 100-200 ms, again and again. V8 doesn't count shared buffers (BackingStore::PerIsolateAccountingLength).
 *
 *   takeMemory ─▶ giveBack: its pages go back to the system at once ─▶ used again for as many bytes
 *
 * Forgetting to give back costs memory until the collector comes. Where the runtime has no node:ffi they are buffers like others.
 */
import { intFunction, type Native, native } from '../system/native.ts';

export type Memory = SharedArrayBuffer | ArrayBuffer;

/** <asm-generic/mman-common.h> */
const MADV_DONTNEED = 4n;
/** <bits/confname.h> */
const SC_PAGESIZE = 30n;
/** Buffers without pages that are kept for later: addresses, and the ends that share pages with others. */
const FREE_MAX = 4096;

const releasePages = native === null ? null : loadRelease(native);
/** By their size in bytes. */
const free = new Map<number, SharedArrayBuffer[]>();
let freeCount = 0;

/** So many bytes; what is in them is not said. */
export function takeMemory(bytes: number): Memory {
  if (releasePages === null) return new ArrayBuffer(bytes);
  const buffer = free.get(bytes)?.pop();
  if (buffer === undefined) return new SharedArrayBuffer(bytes);
  freeCount--;
  return buffer;
}

/** Nobody may read or write `memory` any more. */
export function giveBack(memory: Memory): void {
  if (memory instanceof ArrayBuffer) {
    memory.transfer(0);
    return;
  }
  releasePages?.(memory);
  if (freeCount >= FREE_MAX) return;
  freeCount++;
  const { byteLength } = memory;
  const buffers = free.get(byteLength);
  if (buffers === undefined) free.set(byteLength, [memory]);
  else buffers.push(memory);
}

/** Gives back the pages that are all within the buffer. */
function loadRelease(library: Native): (buffer: SharedArrayBuffer) => void {
  const madvise = intFunction(library, 'madvise', 3);
  const page = BigInt(intFunction(library, 'sysconf', 1)(SC_PAGESIZE));
  return buffer => {
    const address = library.ffi.getRawPointer(new Uint8Array(buffer));
    const from = ((address + page - 1n) / page) * page;
    const to = ((address + BigInt(buffer.byteLength)) / page) * page;
    if (to > from) madvise(from, to - from, MADV_DONTNEED);
  };
}
