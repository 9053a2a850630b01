import type { Socket } from 'node:net';
import type { Turn, TurnTask } from './turn.ts';

/** Appended pieces up to this size are copied into a chunk; larger ones go out as they are. */
const COPY_LIMIT_BYTES = 4096;
const CHUNK_BYTES = 16 * 1024;
/** Chunks kept for reuse in a worker: 16 MiB. */
const FREE_CHUNKS_MAX = 1024;

const freeChunks: Buffer[] = [];
const NO_CHUNK = Buffer.alloc(0);

/** Who wants to know that an outbox which had to wait for the kernel waits no longer. */
export interface OutboxOwner {
  onDrained(): void;
}

/**
 * What is to be written to one socket: gathered during an event-loop turn, written once at its end.
 *
 *   append ─▶ chunk (pooled, 16 KiB) ─┐
 *   appendOwned ─▶ small: chunk       ├─▶ pieces ─▶ one write at the end of the turn ─▶ kernel
 *                  large: as it is ───┘
 *
 * A chunk goes back to the pool only when the socket says that everything reached the kernel; else it is left to the
 * garbage collector, since bytes that were handed out are never written again. While the kernel takes no more, pieces
 * wait here, packed into chunks, and leave together once it does: a client that reads nothing costs what it is owed,
 * and not a chunk for each small reply.
 */
export class Outbox implements TurnTask {
  private readonly socket: Socket;
  private readonly turn: Turn;
  private readonly owner: OutboxOwner | null;
  private chunk: Buffer = NO_CHUNK;
  private chunkStart = 0;
  private chunkUsed = 0;
  private pieces: Buffer[] = [];
  private usedChunks: Buffer[] = [];
  private queuedBytes = 0;
  private isDeferred = false;
  /** The kernel has not taken all of the last write, or nothing may be written yet. */
  private isBlocked: boolean;
  private isClosing = false;
  private readonly onTaken = (error?: Error | null): void => this.taken(error);

  /** `isBlocked`: nothing leaves before `unblock`. */
  constructor(socket: Socket, turn: Turn, isBlocked: boolean, owner: OutboxOwner | null) {
    this.socket = socket;
    this.turn = turn;
    this.isBlocked = isBlocked;
    this.owner = owner;
  }

  /** Bytes accepted here that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.queuedBytes + this.socket.writableLength;
  }

  /** Of these, the bytes that no write has been tried for. */
  get unwrittenBytes(): number {
    return this.queuedBytes;
  }

  /** A write comes at the end of this turn. */
  get isDue(): boolean {
    return this.isDeferred;
  }

  /** Appends a copy of `buf[start, end)`. */
  append(buf: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size > COPY_LIMIT_BYTES) {
      const copy = Buffer.allocUnsafeSlow(size);
      buf.copy(copy, 0, start, end);
      this.appendPiece(copy);
      return;
    }
    if (size > this.chunk.length - this.chunkUsed) this.nextChunk();
    buf.copy(this.chunk, this.chunkUsed, start, end);
    this.chunkUsed += size;
    this.grew(size);
  }

  /** Appends bytes that nobody will write to again. */
  appendOwned(bytes: Buffer): void {
    if (bytes.length > COPY_LIMIT_BYTES) this.appendPiece(bytes);
    else this.append(bytes, 0, bytes.length);
  }

  /** Lets out what has waited since the constructor said that nothing may leave. */
  unblock(): void {
    this.isBlocked = false;
    this.flush();
  }

  /** Ends the connection once all that was appended has left; nothing may be appended any more. */
  close(): void {
    this.isClosing = true;
    if (!this.isDeferred) this.flush();
  }

  endTurn(): void {
    this.isDeferred = false;
    this.flush();
  }

  private grew(size: number): void {
    this.queuedBytes += size;
    if (!this.isDeferred && !this.isBlocked) {
      this.isDeferred = true;
      this.turn.defer(this);
    }
  }

  private appendPiece(bytes: Buffer): void {
    this.sealChunk();
    this.pieces.push(bytes);
    this.grew(bytes.length);
  }

  /** Turns what was copied into the chunk since the last piece into a piece, to keep the order. */
  private sealChunk(): void {
    if (this.chunkUsed > this.chunkStart) {
      this.pieces.push(this.chunk.subarray(this.chunkStart, this.chunkUsed));
      this.chunkStart = this.chunkUsed;
    }
  }

  private nextChunk(): void {
    this.sealChunk();
    if (this.chunk !== NO_CHUNK) this.usedChunks.push(this.chunk);
    this.chunk = freeChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.chunkStart = 0;
    this.chunkUsed = 0;
  }

  /** Writes everything gathered, unless the socket is full. */
  private flush(): void {
    const { socket } = this;
    if (this.isBlocked || socket.destroyed) return;
    if (this.queuedBytes > 0) this.write();
    // What the socket itself still has to write leaves before its end.
    if (this.isClosing && this.queuedBytes === 0) socket.end();
  }

  private write(): void {
    const { socket } = this;
    if (this.pieces.length === 0) {
      socket.write(this.chunk.subarray(this.chunkStart, this.chunkUsed));
    } else {
      this.sealChunk();
      this.writePieces();
    }
    this.queuedBytes = 0;
    this.isBlocked = socket.writableLength > 0;
    // 'drain' comes only when more was left over than the socket's own buffer takes; this is called back in any case.
    if (this.isBlocked) socket.write(NO_CHUNK, this.onTaken);
    this.releaseChunks(!this.isBlocked);
  }

  private writePieces(): void {
    const { socket, pieces } = this;
    this.pieces = [];
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
  }

  /** All that was written before has reached the kernel; `error`: it never will. */
  private taken(error?: Error | null): void {
    if (error) return;
    this.unblock();
    this.owner?.onDrained();
  }

  private releaseChunks(areReusable: boolean): void {
    if (this.chunk !== NO_CHUNK) this.usedChunks.push(this.chunk);
    if (areReusable) {
      for (const chunk of this.usedChunks) if (freeChunks.length < FREE_CHUNKS_MAX) freeChunks.push(chunk);
    }
    this.usedChunks.length = 0;
    this.chunk = NO_CHUNK;
    this.chunkStart = 0;
    this.chunkUsed = 0;
  }
}
