import type { Block } from '../../memory/block.ts';
import type { ReplyTransform, TransformOut } from '../../protocol/reply-transform.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';

const NO_BYTES = Buffer.alloc(0);

/** Where the reply to a request goes of which the client reads what `transform` makes; null: the reply itself. */
export function replySink(origin: RequestOrigin, transform: ReplyTransform | null): ReplySink {
  return transform === null ? origin : new TransformedReply(origin, transform);
}

/**
 * Stands between the server connection and the client's queue where the client reads something else than the server says:
 *
 *   piece of the server's ─▶ transform ─▶ any number of pieces, none even ─▶ client's queue
 *
 * The last one is held back until it is known that nothing follows: a reply in one piece stays one, and is not copied. A
 * reply that is dropped is a last piece without bytes.
 */
export class TransformedReply implements ReplySink, TransformOut {
  private readonly origin: RequestOrigin;
  private readonly transform: ReplyTransform;
  private request: Request | null = null;
  /** Of the server's piece. */
  private source: Buffer = NO_BYTES;
  private sourceBlock: Block | null = null;
  /** What was appended and not passed on. */
  private piece: Buffer | null = null;
  private pieceStart = 0;
  private pieceEnd = 0;

  constructor(origin: RequestOrigin, transform: ReplyTransform) {
    this.origin = origin;
    this.transform = transform;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    this.request = request;
    this.source = buf;
    this.sourceBlock = block;
    this.transform.piece(buf, start, end, isLast, this);
    if (this.piece !== null) this.passOn(isLast);
    else if (isLast) this.origin.onReply(request, NO_BYTES, 0, 0, true, null);
    this.source = NO_BYTES;
    this.sourceBlock = null;
  }

  onFailure(request: Request, reason: FailureReason): void {
    const words = this.transform.failure(reason);
    if (words === null) this.origin.onFailure(request, reason);
    else this.origin.failWith(request, words);
  }

  append(buf: Buffer, start: number, end: number): void {
    if (start === end) return;
    if (this.piece !== null) this.passOn(false);
    this.piece = buf;
    this.pieceStart = start;
    this.pieceEnd = end;
  }

  private passOn(isLast: boolean): void {
    const { piece, pieceStart, pieceEnd, source, sourceBlock } = this;
    this.piece = null;
    const block = piece === source ? sourceBlock : null;
    this.origin.onReply(this.request as Request, piece as Buffer, pieceStart, pieceEnd, isLast, block);
  }
}
