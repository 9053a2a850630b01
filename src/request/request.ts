import { type Block, COPY_LIMIT_BYTES, takeBlock } from '../memory/block.ts';
import type { FailureReason } from './failure.ts';

/** Whoever waits for the reply to a request: a client connection, a fragmented request, a handshake. */
export interface ReplySink {
  /**
   * Takes the next piece of the reply. `buf[start, end)` is valid only during the call, or, where it lies in a `block`,
   * as long as that is retained; `last` says that the reply is complete with it.
   */
  onReply(request: Request, buf: Buffer, start: number, end: number, last: boolean, block: Block | null): void;
  /** The reply will not come, or not to its end. */
  onFailure(request: Request, reason: FailureReason): void;
}

/** What requests of a client are counted as: a command of its pool. */
export interface RequestCommand {
  /** From the protocol's table. */
  readonly name: string;
  /** Takes what so many requests took each, in whole microseconds. */
  readonly total: { record(us: number, times: number): void };
}

/** A reply that is put together only when it is written out: the merged one of a fragmented request. */
export interface ReplySource {
  writeReply(out: ReplyOut): void;
  /** It won't be written: what was kept for it can go. */
  drop(): void;
}

/** Where a reply goes to: an outbox. */
export interface ReplyOut {
  /** Copies, or retains `block`, the memory that `buf` lies in. */
  append(buf: Buffer, start: number, end: number, block?: Block | null): void;
  appendOwned(bytes: Buffer): void;
  /** Copies the runs in `runs[0, end)` of these buffers, `size` bytes in all; see `RUN_FIELDS`. */
  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number, size: number): void;
}

/** A piece of a reply that is kept, and the block it lies in, retained. */
interface HeldPiece {
  readonly bytes: Buffer;
  readonly block: Block | null;
}

/** Whose requests a server connection sends in turn: hears of the replies. */
export interface RequestTurn {
  /** So many bytes more of its reply came; `isLast`: and that is all of it. */
  replied(request: Request, bytes: number, isLast: boolean): void;
}

/**
 * One request on its way: pending at its client, inflight at a backend connection. It is settled once, by
 * reply or by failure; a client that left sets `sink` to null and the reply is read and dropped.
 */
export class Request {
  sink: ReplySink | null;
  /** What the reply scanner has to expect; the meaning is the protocol's. */
  readonly replyKind: number;
  /** The keys whose values it asks for; 0: its reply does not tell what is there. */
  valuesAsked = 0;
  /** Bytes that went to the server. */
  sizeBytes = 0;
  /** Bytes that the client sent for it. */
  originBytes = 0;
  /** When it was handed to the backend connection, on the worker's clock. */
  startedAtMs = 0;
  /** By so much longer than others it may take: a command that blocks for a while; -1: as long as it likes. */
  extraMs = 0;
  /** Whose turn it was sent in; null: its connection sends as they come. */
  turn: RequestTurn | null = null;
  /** What it was taken to cost then, in bytes. */
  costBytes = 0;
  /** What its client sends next goes directly behind it, and nothing of others between them. */
  isFollowed = false;
  /** What it is counted as; null: nothing, it is no client's request or part of another. */
  command: RequestCommand | null = null;
  /**
   * When it was read from the client, handed to the server connection, written to it, and answered or failed there: on the
   * scale of `Clock.nowUs`. Of a request that was split the last three are those of its slowest part, as is the server.
   */
  readAtUs = 0;
  queuedAtUs = 0;
  sentAtUs = 0;
  repliedAtUs = 0;
  /** Where it went to. */
  server: { readonly name: string } | null = null;
  /** Its first key, as the client's side keeps it, and the bytes of it; 0: none. */
  keyAt = 0;
  keyBytes = 0;
  isSettled = false;
  /** Part of the reply went out to the client already, so a failure can no longer be told in words. */
  isStreaming = false;
  /** The client wants no reply (memcached's noreply): the server's is dropped, and so is an error. */
  isSilent = false;
  /** Of a fragment: its index among the fragments of its request. Of a request that was split: how many fragments it has. */
  part = 0;
  /** Of a fragmented request: what merges its reply once it is settled. */
  source: ReplySource | null = null;
  heldBytes = 0;
  private held: HeldPiece | null = null;
  private heldMore: HeldPiece[] | null = null;

  constructor(sink: ReplySink | null, replyKind: number) {
    this.sink = sink;
    this.replyKind = replyKind;
  }

  /** A part of it is done. */
  timePart(part: Request): void {
    const ofPart = (part.repliedAtUs - part.queuedAtUs) >>> 0;
    if (this.server !== null && ofPart <= (this.repliedAtUs - this.queuedAtUs) >>> 0) return;
    this.queuedAtUs = part.queuedAtUs;
    this.sentAtUs = part.sentAtUs;
    this.repliedAtUs = part.repliedAtUs;
    this.server = part.server;
  }

  /** Keeps a piece of the reply until it is this request's turn: a copy, or the piece itself where it lies in a block. */
  hold(buf: Buffer, start: number, end: number, block: Block | null = null): void {
    const size = end - start;
    if (size <= COPY_LIMIT_BYTES) {
      const copy = Buffer.allocUnsafe(size);
      buf.copy(copy, 0, start, end);
      this.keep({ bytes: copy, block: null }, size);
    } else if (block === null || !block.isWorthKeeping(size)) {
      const own = takeBlock(size);
      buf.copy(own.bytes, 0, start, end);
      this.keep({ bytes: own.bytes.subarray(0, size), block: own }, size);
    } else {
      block.retain();
      this.keep({ bytes: buf.subarray(start, end), block }, size);
    }
  }

  /** As `hold`, for bytes that nobody will write to again. */
  holdOwned(bytes: Buffer): void {
    this.keep({ bytes, block: null }, bytes.length);
  }

  /** Writes all that is held, in order, to `out` and forgets it. */
  releaseTo(out: ReplyOut): void {
    if (this.source !== null) {
      this.source.writeReply(out);
      this.source = null;
      this.heldBytes = 0;
      return;
    }
    const { held, heldMore } = this;
    this.forget();
    if (held !== null) release(held, out);
    if (heldMore !== null) for (const piece of heldMore) release(piece, out);
  }

  /** All held pieces as one buffer; empty when nothing is held. */
  takeHeld(): Buffer {
    const { held, heldMore, heldBytes } = this;
    this.forget();
    if (held === null) return EMPTY;
    if (heldMore === null && held.block === null) return held.bytes;
    const pieces = heldMore === null ? [held] : [held, ...heldMore];
    const whole = Buffer.concat(
      pieces.map(piece => piece.bytes),
      heldBytes,
    );
    for (const { block } of pieces) block?.release();
    return whole;
  }

  /** Forgets what is held: the reply will not be used. */
  dropHeld(): void {
    this.source?.drop();
    this.source = null;
    const { held, heldMore } = this;
    this.forget();
    held?.block?.release();
    if (heldMore !== null) for (const { block } of heldMore) block?.release();
  }

  private keep(piece: HeldPiece, size: number): void {
    this.heldBytes += size;
    if (this.held === null) this.held = piece;
    else if (this.heldMore === null) this.heldMore = [piece];
    else this.heldMore.push(piece);
  }

  private forget(): void {
    this.held = null;
    this.heldMore = null;
    this.heldBytes = 0;
  }
}

function release({ bytes, block }: HeldPiece, out: ReplyOut): void {
  if (block === null) {
    out.appendOwned(bytes);
    return;
  }
  out.append(bytes, 0, bytes.length, block);
  block.release();
}

const EMPTY = Buffer.alloc(0);
