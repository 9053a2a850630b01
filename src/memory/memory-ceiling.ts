import type { Turn, TurnTask } from '../loop/turn.ts';
import type { Log } from '../system/log.ts';
import type { SystemCalls } from '../system/system-calls.ts';
import { dropFreeBlocks, FREE_BLOCKS_MAX_BYTES, limitFreeBlocks } from './block.ts';
import { heapMemory, residentBytes } from './process-memory.ts';

/** Something that holds bytes for clients. */
export interface MemoryHolder {
  /** What it holds now. */
  readonly memoryBytes: number;
  /** Lets go of all of it, whatever that costs those it was for, and counts itself. */
  shed(): void;
  /** Who it is, for the log. */
  describe(): Readonly<Record<string, unknown>>;
}

export type HolderVisit = (holder: MemoryHolder) => void;

/** Calls `visit` for every holder of the worker. */
export type HolderWalk = (visit: HolderVisit) => void;

/** Shedding ends below this share of the limit, so that not every further read sheds somebody. */
const SHED_TO = 0.9;
/** A request of a few bytes costs an object of a few hundred: what is held may grow so much faster than what is read. */
const GROWTH_PER_BYTE = 32;
const STEP_MIN_BYTES = 256 * 1024;
/** Of the limit: what may be kept in free blocks. */
const FREE_BLOCKS_SHARE = 1 / 8;
/** Growth that is worth a pause of some 10 ms while the process is over the limit. */
const COLLECT_MIN_BYTES = 64 * 2 ** 20;
/** Lines in the log for one round of shedding; the last one says how many there were. */
const LOGGED_MAX = 16;

/**
 * Keeps what a worker holds for its clients below a limit: over it, whoever holds most is shed first.
 *
 * What is held can't have grown by more than what was read since it was last known, so nothing is done before enough
 * was read to reach the limit. Then the process is asked for its memory, an upper bound; only when that is over the
 * limit too are all holders added up. Beyond what is held there is garbage, and what malloc keeps: both grow with what is
 * in use, and twice the limit is soon reached. So over the limit both are given back each time they have grown by much.
 */
export class MemoryCeiling implements TurnTask {
  /** 0: none. */
  private limit = 0;
  private readonly turn: Turn;
  private readonly log: Log;
  private readonly walk: HolderWalk;
  private readonly systemCalls: SystemCalls | null;
  /** Bytes that may still be read before the next look. */
  private unwatchedBytes = Number.POSITIVE_INFINITY;
  private isDue = false;
  /** Resident memory after the last collection, or the least since. */
  private collectedTo = 0;

  constructor(turn: Turn, log: Log, systemCalls: SystemCalls | null, walk: HolderWalk) {
    this.systemCalls = systemCalls;
    this.turn = turn;
    this.log = log;
    this.walk = walk;
  }

  get limitBytes(): number {
    return this.limit;
  }

  /** 0: no limit. */
  setLimit(bytes: number): void {
    this.limit = bytes;
    limitFreeBlocks(bytes === 0 ? FREE_BLOCKS_MAX_BYTES : bytes * FREE_BLOCKS_SHARE);
    this.unwatchedBytes = bytes === 0 ? Number.POSITIVE_INFINITY : 0;
  }

  /** All that is held now. */
  heldBytes(): number {
    let held = 0;
    this.walk(holder => {
      held += holder.memoryBytes;
    });
    return held;
  }

  /** So many bytes came from a client, or for one. */
  grew(bytes: number): void {
    this.unwatchedBytes -= bytes;
    if (this.unwatchedBytes < 0 && !this.isDue) this.lookLater();
  }

  /** Holders are shed here, where no socket is being read. */
  endTurn(): void {
    this.isDue = false;
    if (this.limit === 0) return;
    const resident = residentBytes();
    const { usedBytes, externalBytes } = heapMemory();
    const used = Math.max(resident, usedBytes + externalBytes);
    if (used < this.limit) {
      this.watchFrom(used);
      return;
    }
    this.watchFrom(this.holdDown());
    if (resident > this.collectedTo + Math.max(COLLECT_MIN_BYTES, this.limit / 8)) this.collect();
    else this.collectedTo = Math.min(this.collectedTo, resident);
  }

  private collect(): void {
    dropFreeBlocks();
    globalThis.gc?.();
    this.systemCalls?.releaseFreeMemory();
    this.collectedTo = residentBytes();
  }

  private lookLater(): void {
    this.isDue = true;
    this.turn.defer(this);
  }

  private watchFrom(heldBytes: number): void {
    this.unwatchedBytes = Math.max(STEP_MIN_BYTES, (this.limit - heldBytes) / GROWTH_PER_BYTE);
  }

  /** Sheds if need be; what is held then. */
  private holdDown(): number {
    const held = this.heldBytes();
    return held > this.limit ? this.shed(held) : held;
  }

  private shed(heldBytes: number): number {
    const { limit } = this;
    const holders: { readonly holder: MemoryHolder; readonly bytes: number }[] = [];
    this.walk(holder => {
      const bytes = holder.memoryBytes;
      if (bytes > 0) holders.push({ holder, bytes });
    });
    holders.sort((a, b) => b.bytes - a.bytes);
    let left = heldBytes;
    let count = 0;
    for (const { holder, bytes } of holders) {
      if (left <= limit * SHED_TO) break;
      if (++count <= LOGGED_MAX) {
        this.log.warn({ ...holder.describe(), bytes }, 'cut off: it held most when the worker came to max_memory');
      }
      holder.shed();
      left -= bytes;
    }
    this.log.warn({ heldBytes, leftBytes: left, limitBytes: limit, shed: count }, 'the worker was over max_memory');
    return left;
  }
}
