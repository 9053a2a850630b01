import { BLOCK_MAX_BYTES, BLOCK_MIN_BYTES, type Block, takeBlock } from '../../memory/block.ts';

const FIRST_CAPACITY_BYTES = 1024;
/** Reserved at once for what a client announces. */
const TRUSTED_BYTES = BLOCK_MAX_BYTES;
const NO_BYTES = Buffer.alloc(0);

/**
 * The bytes of one request that arrives in pieces, in one buffer. It is made as large as the request announces, up to
 * 2 MiB or twice what has come: beyond that a client must have sent half of what it makes us reserve.
 */
export class PartialRequest {
  /** Bytes that have come. */
  length = 0;
  private readonly limitBytes: number;
  private memory: Buffer = NO_BYTES;
  /** What `memory` is part of, when it is large. */
  private ownBlock: Block | null = null;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** What it takes of memory: what has come, and what is reserved for the rest if that was used before. */
  get heldBytes(): number {
    return this.ownBlock === null ? this.length : this.ownBlock.residentBytes(this.length);
  }

  /** What has come is `bytes[0, length)`. */
  get bytes(): Buffer {
    return this.memory;
  }

  /** The memory of `bytes`, where it lies in a block. */
  get block(): Block | null {
    return this.ownBlock;
  }

  /**
   * Appends a copy of `buf[start, end)`; `missingBytes` are known to follow. False, and nothing kept, when the request
   * grows over the limit.
   */
  append(buf: Buffer, start: number, end: number, missingBytes = 0): boolean {
    const needed = this.length + end - start;
    if (needed > this.limitBytes) return false;
    if (needed > this.memory.length) this.grow(needed, missingBytes);
    buf.copy(this.memory, this.length, start, end);
    this.length = needed;
    return true;
  }

  /** `count` bytes were read into what `vacancy` had returned. */
  filled(count: number): void {
    this.length += count;
  }

  /** Where the next `wanted` bytes belong, or as many of them as there is room for; null when there is none. */
  vacancy(wanted: number): Buffer | null {
    const end = Math.min(this.memory.length, this.length + wanted);
    return end > this.length ? this.memory.subarray(this.length, end) : null;
  }

  private grow(needed: number, missingBytes: number): void {
    const announced = missingBytes > 0 ? needed + missingBytes : Math.max(FIRST_CAPACITY_BYTES, needed * 2);
    const allowed = Math.max(TRUSTED_BYTES, needed * 2);
    const capacity = Math.max(needed, Math.min(announced, allowed, this.limitBytes));
    const block = capacity >= BLOCK_MIN_BYTES ? takeBlock(capacity) : null;
    const memory = block === null ? Buffer.allocUnsafeSlow(capacity) : block.bytes;
    this.memory.copy(memory, 0, 0, this.length);
    // It may be part of a password, and what the collector gets it does not wipe.
    if (this.ownBlock === null) this.memory.fill(0, 0, this.length);
    this.memory = memory;
    // Copied out of, and no socket reads into it: `vacancy` is asked for anew after each read.
    this.ownBlock?.release();
    this.ownBlock = block;
  }
}
