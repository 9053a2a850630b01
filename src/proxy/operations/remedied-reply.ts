import type { Block } from '../../memory/block.ts';
import type { Remedy } from '../../protocol/reply-transform.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { RequestOrigin } from '../request-origin.ts';

/**
 * Asks a server once more that says it lacks something that we can give it:
 *
 *   reply ─▶ it lacks nothing ─▶ client
 *     └────▶ what it lacks, and the request again, one directly after the other ─▶ reply ─▶ client
 *
 * Only while the client has asked nothing after it, which the server would have done before.
 */
export class RemediedReply implements ReplySink {
  private readonly origin: RequestOrigin;
  private readonly sink: ReplySink;
  private readonly backend: Backend;
  private readonly remedy: Remedy;
  private kept: RequestBytes | null;
  /** The client's; null: the server was not asked again. */
  private first: Request | null = null;

  /** `bytes` need be valid during the call only. */
  constructor(origin: RequestOrigin, sink: ReplySink, backend: Backend, bytes: RequestBytes, remedy: Remedy) {
    this.origin = origin;
    this.sink = sink;
    this.backend = backend;
    this.remedy = remedy;
    this.kept = bytes.keep();
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { kept, first, origin } = this;
    if (kept !== null) {
      this.kept = null;
      const isAlone = isLast && origin.length === 1 && origin.isNext(request) && this.backend.isLive;
      const gift = isAlone ? this.remedy.for(buf, start, end) : null;
      if (gift !== null) this.askAgain(request, gift, kept);
      kept.release();
      if (gift !== null) return;
    }
    const client = first ?? request;
    // The client has left since.
    if (client.sink !== null) this.sink.onReply(client, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.kept?.release();
    this.kept = null;
    const client = this.first ?? request;
    if (client.sink !== null) this.sink.onFailure(client, reason);
  }

  private askAgain(request: Request, gift: Buffer, kept: RequestBytes): void {
    const { origin, backend } = this;
    this.first = request;
    const connection = backend.connectionFor(origin.id, origin.variant);
    connection.send(new Request(null, request.replyKind), new RequestBytes().set(gift, 0, gift.length, null));
    connection.send(new Request(this, request.replyKind), kept);
  }
}
