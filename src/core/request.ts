import type { FailureReason } from './failure.ts';

/** Whoever waits for the reply to a request: a client connection, a fragmented request, a handshake. */
export interface ReplySink {
  /**
   * Takes the next piece of the reply. `buf[start, end)` is valid only during the call; `last` says that the reply
   * is complete with it.
   */
  onReply(request: Request, buf: Buffer, start: number, end: number, last: boolean): void;
  /** The reply will not come, or not to its end. */
  onFailure(request: Request, reason: FailureReason): void;
}

/** A reply that is put together only when it is written out: the merged one of a fragmented request. */
export interface ReplySource {
  writeReply(out: ReplyOut): void;
  /** It won't be written: what was kept for it can go. */
  drop(): void;
}

/** Where a reply goes to: an outbox. */
export interface ReplyOut {
  append(buf: Buffer, start: number, end: number): void;
  appendOwned(bytes: Buffer): void;
}

/**
 * One request on its way: pending at its client, inflight at a backend connection. It is settled once, by
 * reply or by failure; a client that left sets `sink` to null and the reply is read and dropped.
 */
export class Request {
  sink: ReplySink | null;
  /** What the reply scanner has to expect; the meaning is the protocol's. */
  readonly replyKind: number;
  /** Bytes that went to the server. */
  sizeBytes = 0;
  /** Bytes that the client sent for it. */
  originBytes = 0;
  /** When it was handed to the backend connection, on the worker's clock. */
  startedAtMs = 0;
  isSettled = false;
  /** Part of the reply went out to the client already, so a failure can no longer be told in words. */
  isStreaming = false;
  /** The client wants no reply (memcached's noreply): the server's is dropped, and so is an error. */
  isSilent = false;
  /** Of a fragment: its index among the fragments of its request. */
  part = 0;
  /** Of a fragmented request: what merges its reply once it is settled. */
  source: ReplySource | null = null;
  heldBytes = 0;
  private held: Buffer | null = null;
  private heldMore: Buffer[] | null = null;

  constructor(sink: ReplySink | null, replyKind: number) {
    this.sink = sink;
    this.replyKind = replyKind;
  }

  /** Keeps a copy of a piece of the reply until it is this request's turn. */
  hold(buf: Buffer, start: number, end: number): void {
    const copy = Buffer.allocUnsafe(end - start);
    buf.copy(copy, 0, start, end);
    this.holdOwned(copy);
  }

  /** As `hold`, for bytes that nobody will write to again. */
  holdOwned(bytes: Buffer): void {
    this.heldBytes += bytes.length;
    if (this.held === null) this.held = bytes;
    else if (this.heldMore === null) this.heldMore = [bytes];
    else this.heldMore.push(bytes);
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
    this.held = null;
    this.heldMore = null;
    this.heldBytes = 0;
    if (held !== null) out.appendOwned(held);
    if (heldMore !== null) for (const piece of heldMore) out.appendOwned(piece);
  }

  /** All held pieces as one buffer; empty when nothing is held. */
  takeHeld(): Buffer {
    const { held, heldMore, heldBytes } = this;
    this.held = null;
    this.heldMore = null;
    this.heldBytes = 0;
    if (held === null) return EMPTY;
    if (heldMore === null) return held;
    return Buffer.concat([held, ...heldMore], heldBytes);
  }

  /** Forgets what is held: the reply will not be used. */
  dropHeld(): void {
    this.source?.drop();
    this.source = null;
    this.held = null;
    this.heldMore = null;
    this.heldBytes = 0;
  }
}

const EMPTY = Buffer.alloc(0);
