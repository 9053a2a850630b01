import type { Socket } from 'node:net';
import type { Turn, TurnTask } from './turn.ts';

/** Appended pieces up to this size are copied into a chunk; larger ones go out as they are. */
const COPY_LIMIT_BYTES = 4096;
const CHUNK_BYTES = 16 * 1024;
/** Chunks kept for reuse in a worker: 16 MiB. */
const FREE_CHUNKS_MAX = 1024;

const freeChunks: Buffer[] = [];
const NO_CHUNK = Buffer.alloc(0);

/**
 * What is to be written to one socket: gathered during an event-loop turn, written once at its end.
 *
 *   append ─▶ chunk (pooled, 16 KiB) ─┐
 *   appendOwned ─▶ small: chunk       ├─▶ pieces ─▶ one write at the end of the turn ─▶ kernel
 *                  large: as it is ───┘
 *
 * A chunk goes back to the pool only when the socket says that everything reached the kernel; else it is left to the
 * garbage collector, since bytes that were handed out are never written again. While the socket is full, pieces
 * wait here and leave together when it drains.
 */
export class Outbox implements TurnTask {
  private readonly socket: Socket;
  private readonly turn: Turn;
  private chunk: Buffer = NO_CHUNK;
  private chunkStart = 0;
  private chunkUsed = 0;
  private pieces: Buffer[] = [];
  private usedChunks: Buffer[] = [];
  private queuedBytes = 0;
  private isDeferred = false;
  /** The socket took all it can, or may not be written yet. */
  private isBlocked: boolean;
  private isClosing = false;

  /** `isBlocked`: nothing leaves before `unblock`. */
  constructor(socket: Socket, turn: Turn, isBlocked: boolean) {
    this.socket = socket;
    this.turn = turn;
    this.isBlocked = isBlocked;
  }

  /** Bytes accepted here that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.queuedBytes + this.socket.writableLength;
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

  /** The socket can be written again. */
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
    let isAccepted: boolean;
    if (this.pieces.length === 0) {
      isAccepted = socket.write(this.chunk.subarray(this.chunkStart, this.chunkUsed));
    } else {
      this.sealChunk();
      isAccepted = this.writePieces();
    }
    this.queuedBytes = 0;
    this.isBlocked = !isAccepted;
    this.releaseChunks(socket.writableLength === 0);
  }

  private writePieces(): boolean {
    const { socket, pieces } = this;
    this.pieces = [];
    if (pieces.length === 1) return socket.write(pieces[0] as Buffer);
    let isAccepted = true;
    socket.cork();
    for (const piece of pieces) isAccepted = socket.write(piece);
    socket.uncork();
    // Whatever became of it, a write that was not accepted is followed by 'drain', and so by `unblock`.
    return isAccepted;
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
