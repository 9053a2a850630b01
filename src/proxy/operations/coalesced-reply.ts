import { BLOCK_MAX_BYTES, BLOCK_MIN_BYTES, BLOCK_SHARE_MIN, type Block, takeBlock } from '../../memory/block.ts';
import type { Coalescer } from '../../protocol/protocol.ts';
import type { ReplyTransform } from '../../protocol/reply-transform.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplyOut, ReplySink, ReplySource, Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { MergedBytes } from './merged-bytes.ts';

const NO_PART = Buffer.alloc(0);

/**
 * The reply to a request that went to several servers: collects those to its fragments and settles when the last one is in,
 * also when an earlier one failed, so that nothing of it is still going on when the client reads the reply.
 *
 *   reply in one piece ─▶ block, beside the others, or a copy without ─┐
 *   in several ─▶ fragment ────────────────────────────────────────────┴─▶ parts ─▶ merged
 */
export class CoalescedReply implements ReplySink, ReplySource {
  private readonly origin: RequestOrigin;
  private readonly request: Request;
  private readonly coalescer: Coalescer;
  private readonly owners: Int32Array;
  private readonly parts: Buffer[];
  /** Of the merged reply. */
  private readonly transform: ReplyTransform | null;
  private remaining: number;
  private failure: FailureReason | null = null;
  /** Of all parts together. */
  private sizeBytes = 0;
  private isTooLarge = false;
  /** The memory of the parts that came in one piece: they need it until they are merged, and then others do. */
  private block: Block | null = null;
  private blockUsed = 0;

  /** `request` is the client's; `owners[i]` is the fragment of key i, and empty when all servers get the whole. */
  constructor(
    origin: RequestOrigin,
    request: Request,
    coalescer: Coalescer,
    owners: Int32Array,
    count: number,
    transform: ReplyTransform | null,
  ) {
    this.origin = origin;
    this.transform = transform;
    this.request = request;
    this.coalescer = coalescer;
    this.owners = owners;
    this.parts = new Array<Buffer>(count).fill(NO_PART);
    this.remaining = count;
    request.source = this;
  }

  onReply(
    fragment: Request,
    buf: Buffer,
    start: number,
    end: number,
    isLast: boolean,
    block: Block | null = null,
  ): void {
    if (this.isAbandoned) {
      fragment.dropHeld();
      if (isLast) this.partDone(fragment);
      return;
    }
    const size = end - start;
    if (isLast && fragment.heldBytes === 0) {
      const copy = this.hasRoom(size) ? this.store(buf, start, end) : Buffer.from(buf.subarray(start, end));
      this.parts[fragment.part] = copy;
    } else {
      fragment.hold(buf, start, end, block);
      if (isLast) this.parts[fragment.part] = fragment.takeHeld();
    }
    this.origin.onPart(this.request, size);
    this.sizeBytes += size;
    const { maxBytes } = this.coalescer;
    if (maxBytes !== undefined && this.sizeBytes > maxBytes) this.outgrow(fragment);
    if (isLast) this.partDone(fragment);
  }

  onFailure(fragment: Request, reason: FailureReason): void {
    fragment.dropHeld();
    const words = this.coalescer.failedPart?.(reason);
    if (words === undefined) this.failure ??= reason;
    else this.parts[fragment.part] = words;
    this.partDone(fragment);
  }

  writeReply(out: ReplyOut): void {
    const { transform, coalescer } = this;
    if (transform === null || Object.is(transform, coalescer)) {
      this.merge(out);
      return;
    }
    const merged = new MergedBytes();
    this.merge(merged);
    merged.transformTo(out, transform);
  }

  private merge(out: ReplyOut): void {
    const { block } = this;
    if (block === null) {
      this.coalescer.merge(this.parts, this.owners, out);
      return;
    }
    this.coalescer.merge(this.parts, this.owners, new OutOfBlock(out, block));
    this.drop();
  }

  /** Fragments may still be waited for, for ever even. */
  drop(): void {
    this.parts.fill(NO_PART);
    this.block?.release();
    this.block = null;
  }

  /** It is more than may be kept: what has come is forgotten, and so is what comes. */
  private outgrow(fragment: Request): void {
    this.isTooLarge = true;
    fragment.dropHeld();
    this.drop();
  }

  /** Nobody will read the merged reply: the client left, or a fragment failed. */
  private get isAbandoned(): boolean {
    return this.request.sink === null || this.failure !== null || this.isTooLarge;
  }

  /** There is a block with room for a part of `size` bytes; it is made as large as those still to come are likely to need. */
  private hasRoom(size: number): boolean {
    const { block } = this;
    if (block !== null) return size <= block.bytes.length - this.blockUsed;
    const likely = size * this.remaining;
    if (likely < BLOCK_MIN_BYTES * BLOCK_SHARE_MIN || likely > BLOCK_MAX_BYTES) return false;
    this.block = takeBlock(likely);
    this.blockUsed = 0;
    return true;
  }

  /** Copies a part into the block. */
  private store(buf: Buffer, start: number, end: number): Buffer {
    const { bytes } = this.block as Block;
    const from = this.blockUsed;
    this.blockUsed += buf.copy(bytes, from, start, end);
    return bytes.subarray(from, this.blockUsed);
  }

  private partDone(fragment: Request): void {
    this.request.timePart(fragment);
    if (--this.remaining > 0 || this.request.sink === null) return;
    const { origin, request, failure, transform } = this;
    if (this.isTooLarge) {
      origin.failWith(request, this.coalescer.tooLarge as Buffer);
      return;
    }
    if (failure === null) {
      origin.onCoalesced(request);
      return;
    }
    const words = transform === null ? null : transform.failure(failure);
    if (words === null) origin.onFailure(request, failure);
    else origin.failWith(request, words);
  }
}

/** Takes what is merged from parts some of which lie in a block, whose memory is used again. */
class OutOfBlock implements ReplyOut {
  private readonly out: ReplyOut;
  private readonly block: Block;

  constructor(out: ReplyOut, block: Block) {
    this.out = out;
    this.block = block;
  }

  append(buf: Buffer, start: number, end: number): void {
    this.out.append(buf, start, end);
  }

  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number, size: number): void {
    this.out.appendRuns(buffers, runs, end, size);
  }

  appendOwned(bytes: Buffer): void {
    const { block } = this;
    if (bytes.buffer === block.bytes.buffer) this.out.append(bytes, 0, bytes.length, block);
    else this.out.appendOwned(bytes);
  }
}
