import { expectedPeers } from '../loop/expected-peers.ts';
import { type IdleTask, whenIdle } from '../loop/rounds.ts';
import type { Turn, TurnTask } from '../loop/turn.ts';
import { BLOCK_MIN_BYTES, type Block, COPY_LIMIT_BYTES, takeBlock } from '../memory/block.ts';
import { copyRuns } from '../memory/runs.ts';
import type { ReplyOut } from '../request/request.ts';
import { type ReadyLine, readyLines } from './ready-lines.ts';
import type { StreamSocket } from './stream-socket.ts';

/** So much is written at once, before the end of the turn: its memory can be used again while it is in the cache. */
const FLUSH_BYTES = 64 * 1024;
/** So much is worth a write of its own; less waits for company, where it may. */
const COMPANY_BYTES = 4096;

/** Who wants to know what becomes of what was appended. */
export interface OutboxOwner {
  /** What was appended so far was given to the socket, which may yet have to wait for the kernel. */
  onWritten(): void;
  /** What had to wait for the kernel waits no longer. */
  onDrained(): void;
  /** All that was appended before `close` has left. */
  onAllSent(): void;
}

/**
 * What is to be written to one socket: gathered during an event-loop turn, written once at its end, earlier when it
 * is much, later when it is little and others may add to it.
 *
 *   append ─▶ small, or nobody's to keep: copied into a chunk ─┐
 *             large, in a block: as it is, the block retained  ├─▶ pieces ─▶ one write ─▶ kernel
 *   appendOwned ─▶ large: as it is ────────────────────────────┘
 *
 * Chunks and blocks are let go when the kernel has taken everything, or the socket is gone. While the kernel takes no more,
 * pieces wait here, packed into chunks, and leave together once it does: a client that reads nothing costs what it is
 * owed, and not a chunk for each small reply.
 */
export class Outbox implements TurnTask, IdleTask, ReplyOut {
  /** Bytes accepted here that the kernel has not taken yet. */
  unsentBytes = 0;
  /** Of these, the bytes that no write has been tried for. */
  unwrittenBytes = 0;
  private readonly turn: Turn;
  private readonly owner: OutboxOwner | null;
  private socket: StreamSocket | null;
  private chunk: Block | null = null;
  private chunkStart = 0;
  private chunkUsed = 0;
  private pieces: Buffer[] = [];
  /** The memory of `pieces`, each block as often as it was retained. */
  private blocks: Block[] = [];
  /** The memory of what the kernel has not taken. */
  private waitingBlocks: Block[] = NO_BLOCKS;
  private isDeferred = false;
  private readonly waitsForCompany: boolean;
  /** Until no socket is ready. */
  private isWaiting = false;
  /** The kernel has not taken all of the last write, or there is no socket yet. */
  private isBlocked: boolean;
  private isClosing = false;
  /** Where its client waits to be read; null: nowhere. */
  line: ReadyLine | null = null;
  private hasStoodBack = false;

  /**
   * Without a socket nothing leaves before `open`. `waitsForCompany`: a little is not written at the end of the turn, but
   * when no socket is ready any more, with what others have appended by then. Without it, the peer is one who may ask again
   * when it has what is written, and is expected.
   */
  constructor(socket: StreamSocket | null, turn: Turn, owner: OutboxOwner | null, waitsForCompany = false) {
    this.socket = socket;
    this.turn = turn;
    this.isBlocked = socket === null;
    this.owner = owner;
    this.waitsForCompany = waitsForCompany;
  }

  /** A write comes at the end of this turn. */
  get isDue(): boolean {
    return this.isDeferred;
  }

  /** Appends `buf[start, end)`. Without `block`, the memory that `buf` lies in, it is copied. */
  append(buf: Buffer, start: number, end: number, block: Block | null = null): void {
    const size = end - start;
    if (block !== null && size > COPY_LIMIT_BYTES && block.isWorthKeeping(size)) {
      block.retain();
      this.blocks.push(block);
      this.appendPiece(start === 0 && end === buf.length ? buf : buf.subarray(start, end));
      return;
    }
    this.room(size).write(this.chunkUsed, buf, start, end, block);
    this.chunkUsed += size;
    this.grew(size);
  }

  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number, size: number): void {
    copyRuns(this.room(size), this.chunkUsed, buffers, runs, end);
    this.chunkUsed += size;
    this.grew(size);
  }

  /** Appends bytes that nobody will write to again. */
  appendOwned(bytes: Buffer): void {
    if (bytes.length > COPY_LIMIT_BYTES) this.appendPiece(bytes);
    else this.append(bytes, 0, bytes.length);
  }

  /** Lets out what has waited for the socket. */
  open(socket: StreamSocket): void {
    this.socket = socket;
    this.isBlocked = false;
    this.flush();
  }

  /** The kernel has taken all that was written. */
  taken(): void {
    this.unsentBytes = this.unwrittenBytes;
    release(this.waitingBlocks);
    this.waitingBlocks = NO_BLOCKS;
    this.isBlocked = false;
    this.flush();
    this.owner?.onDrained();
  }

  /** The socket is destroyed: lets go of all that has not left. */
  discard(): void {
    this.isBlocked = true;
    release(this.waitingBlocks);
    release(this.blocks);
    this.chunk?.release();
    this.waitingBlocks = NO_BLOCKS;
    this.blocks = [];
    this.pieces = [];
    this.chunk = null;
    this.chunkStart = 0;
    this.chunkUsed = 0;
    this.unwrittenBytes = 0;
    this.unsentBytes = 0;
  }

  /** Nothing may be appended any more; the owner hears when all that was has left, perhaps before this returns. */
  close(): void {
    this.isClosing = true;
    if (!this.isDeferred) this.flush();
  }

  endTurn(): void {
    if (this.standsBack()) return;
    this.isDeferred = false;
    if (!this.waitsForCompany) expectedPeers.expect();
    else if (this.unwrittenBytes < COMPANY_BYTES && (this.isWaiting || whenIdle(this))) {
      this.isWaiting = true;
      return;
    }
    this.flush();
  }

  /** Writes take longest: those for clients of a tenant that has much to ask come behind the others of the turn. */
  private standsBack(): boolean {
    if (this.line === null || !readyLines.isAny || this.line.ready.length === 0) return false;
    this.hasStoodBack = !this.hasStoodBack;
    if (this.hasStoodBack) this.turn.defer(this);
    return this.hasStoodBack;
  }

  onIdle(): void {
    this.isWaiting = false;
    this.flush();
  }

  private grew(size: number): void {
    this.unwrittenBytes += size;
    this.unsentBytes += size;
    if (this.isBlocked) return;
    if (this.unwrittenBytes >= FLUSH_BYTES) this.flush();
    else if (!this.isDeferred) {
      this.isDeferred = true;
      this.turn.defer(this);
    }
  }

  private appendPiece(bytes: Buffer): void {
    this.sealChunk();
    this.pieces.push(bytes);
    this.grew(bytes.length);
  }

  /** The chunk, with room for `size` bytes at `chunkUsed`. */
  private room(size: number): Block {
    const { chunk } = this;
    if (chunk !== null && size <= chunk.bytes.length - this.chunkUsed) return chunk;
    this.sealChunk();
    if (chunk !== null) this.blocks.push(chunk);
    const next = takeBlock(size < BLOCK_MIN_BYTES ? BLOCK_MIN_BYTES : size);
    this.chunk = next;
    this.chunkStart = 0;
    this.chunkUsed = 0;
    return next;
  }

  /** Turns what was copied into the chunk since the last piece into a piece, to keep the order. */
  private sealChunk(): void {
    if (this.chunkUsed === this.chunkStart) return;
    this.pieces.push((this.chunk as Block).bytes.subarray(this.chunkStart, this.chunkUsed));
    this.chunkStart = this.chunkUsed;
  }

  /** Writes everything gathered, unless the socket is full. */
  private flush(): void {
    const { socket } = this;
    if (socket === null || this.isBlocked || socket.isDestroyed) return;
    if (this.unwrittenBytes > 0) this.write(socket);
    if (!this.isClosing || this.unsentBytes > 0) return;
    // Told once.
    this.isClosing = false;
    this.owner?.onAllSent();
  }

  private write(socket: StreamSocket): void {
    const { chunk, chunkStart, chunkUsed } = this;
    let isTaken: boolean;
    if (this.pieces.length === 0) {
      // Nothing but small pieces, the usual case.
      isTaken = socket.writeBlock(chunk as Block, chunkStart, chunkUsed);
    } else {
      this.sealChunk();
      const { pieces } = this;
      this.pieces = [];
      isTaken = pieces.length === 1 ? socket.write(pieces[0] as Buffer) : socket.writev(pieces);
    }
    this.chunk = null;
    this.chunkStart = 0;
    this.chunkUsed = 0;
    this.unwrittenBytes = 0;
    this.owner?.onWritten();
    if (isTaken) {
      this.unsentBytes = 0;
      chunk?.release();
      if (this.blocks.length > 0) {
        release(this.blocks);
        this.blocks = [];
      }
    } else {
      this.isBlocked = true;
      this.waitingBlocks = this.blocks;
      this.blocks = [];
      if (chunk !== null) this.waitingBlocks.push(chunk);
    }
  }
}

const NO_BLOCKS: Block[] = [];

function release(blocks: readonly Block[]): void {
  for (const block of blocks) block.release();
}
