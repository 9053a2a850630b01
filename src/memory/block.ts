import { addressOf, copyBytes, sharedBuffer } from '../system/copy.ts';

/**
 * Memory for bytes on their way, in blocks that are used again: a fresh 1 MB buffer for each large value would cost
 * more in page faults than the copy into it.
 *
 *   takeBlock ─▶ 1 reference ─ retain ─▶ 2 ─ release ─▶ 1 ─ release ─▶ free list of its size, or back to the system
 *
 * A block that nobody releases is collected like any object, so forgetting one costs time and nothing else. Releasing one
 * that is still read from or written to gives its bytes to somebody else: where a socket may yet write into a block, it
 * is left to the collector. Free blocks that nobody needed for a while go back to the system, too.
 */
export class Block {
  readonly bytes: Buffer;
  /** See `addressOf`. */
  readonly address: bigint;
  private references = 1;
  private wasUsed = false;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.address = addressOf(this.bytes);
  }

  /** Nobody but its owner refers to it. */
  get isUnshared(): boolean {
    return this.references === 1;
  }

  /** Whether a piece of `size` bytes fills so much of it that it may be kept for the piece instead of a copy. */
  isWorthKeeping(size: number): boolean {
    return size >= this.bytes.length * BLOCK_SHARE_MIN;
  }

  /** What it takes of the system when only `bytes[0, used)` was written to: of memory that was never used, no more. */
  residentBytes(used: number): number {
    return this.wasUsed ? this.bytes.length : used;
  }

  /** Copies `buf[start, end)` to `at`; `from`: the block that `buf` is of, null: it is of none. They must not overlap. */
  write(at: number, buf: Buffer, start: number, end: number, from: Block | null): void {
    const source = buf === sharedBuffer ? addressOf(buf) : from !== null && buf === from.bytes ? from.address : 0n;
    if (source !== 0n) copyBytes(this.bytes, this.address, at, buf, source, start, end);
    else buf.copy(this.bytes, at, start, end);
  }

  retain(): void {
    this.references++;
  }

  /** Throws an Error when it was released as often as it was taken and retained: its bytes may be another's by now. */
  release(): void {
    if (--this.references > 0) return;
    if (this.references < 0) throw new Error('a block was released once too often');
    recycle(this);
  }

  /** Gives its memory back to the system now, not when it is collected. Nothing may refer to it. */
  discard(): void {
    (this.bytes.buffer as ArrayBuffer).transfer(0);
  }

  /** It is taken from the free list. */
  reuse(): this {
    this.references = 1;
    this.wasUsed = true;
    return this;
  }
}

/** What keeps a block fills this share of it: what is kept must not cost much more than it counts. */
export const BLOCK_SHARE_MIN = 1 / 4;
/** Sizes are the powers of two from 16 KiB to 2 MiB: a value of 1 MiB is never alone. */
const SMALLEST_SHIFT = 14;
const CLASSES = 8;
export const BLOCK_MIN_BYTES = 1 << SMALLEST_SHIFT;
/** Up to so much is copied: it is worth keeping no block for. */
export const COPY_LIMIT_BYTES = BLOCK_MIN_BYTES * BLOCK_SHARE_MIN;
export const BLOCK_MAX_BYTES = BLOCK_MIN_BYTES << (CLASSES - 1);
/** Free blocks that a worker keeps at most, all sizes together. */
export const FREE_BLOCKS_MAX_BYTES = 128 * 1024 * 1024;

const free: Block[][] = Array.from({ length: CLASSES }, () => []);
/** Of each size, the fewest that were free since the last `trimFreeBlocks`: so many nobody has needed. */
const idle = new Int32Array(CLASSES);
let freeBytes = 0;
let freeLimit = FREE_BLOCKS_MAX_BYTES;

/** Keeps no more free blocks than this, and no more than FREE_BLOCKS_MAX_BYTES. */
export function limitFreeBlocks(bytes: number): void {
  freeLimit = Math.min(bytes, FREE_BLOCKS_MAX_BYTES);
  if (freeBytes > freeLimit) dropFreeBlocks();
}

/** A block of at least `bytes`, with one reference. Above 2 MiB it has exactly this size and is not used again. */
export function takeBlock(bytes: number): Block {
  if (bytes > BLOCK_MAX_BYTES) return new Block(bytes);
  const index = classOf(bytes);
  const blocks = free[index]!;
  const block = blocks.pop();
  if (block === undefined) return new Block(BLOCK_MIN_BYTES << index);
  if (blocks.length < idle[index]!) idle[index] = blocks.length;
  freeBytes -= block.bytes.length;
  return block.reuse();
}

/** Gives the free blocks back to the system that nobody has needed since it was last called. */
export function trimFreeBlocks(): void {
  for (let index = 0; index < CLASSES; index++) {
    discard(index, idle[index]!);
    idle[index] = free[index]!.length;
  }
}

/** Gives all free blocks back to the system. */
export function dropFreeBlocks(): void {
  for (let index = 0; index < CLASSES; index++) discard(index, free[index]!.length);
  idle.fill(0);
}

/** Bytes of the free blocks of this process. */
export function freeBlockBytes(): number {
  return freeBytes;
}

function recycle(block: Block): void {
  const { length } = block.bytes;
  if (length > BLOCK_MAX_BYTES || freeBytes + length > freeLimit) {
    block.discard();
    return;
  }
  freeBytes += length;
  free[classOf(length)]!.push(block);
}

/** `count` of those that were freed first. */
function discard(index: number, count: number): void {
  for (const block of free[index]!.splice(0, count)) {
    freeBytes -= block.bytes.length;
    block.discard();
  }
}

function classOf(bytes: number): number {
  return bytes <= BLOCK_MIN_BYTES ? 0 : 32 - Math.clz32((bytes - 1) >> SMALLEST_SHIFT);
}
