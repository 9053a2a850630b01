import type { Block } from '../../memory/block.ts';
import type { Remedy } from '../../protocol/remedy.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import { give } from '../../upstream/given-gifts.ts';
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
    const { kept, first } = this;
    if (kept !== null) {
      this.kept = null;
      const isLacking = isLast && this.remedy.isLacking(buf, start, end);
      const isAskedAgain = isLacking && this.askAgain(request, kept);
      kept.release();
      if (isAskedAgain) return;
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

  /** What the server lacks is given to it the next time, if not now. False: the client has asked more, which was done. */
  private askAgain(request: Request, kept: RequestBytes): boolean {
    const { origin, backend, remedy } = this;
    const connection = backend.connectionFor(origin.id, origin.variant);
    for (const gift of remedy.gifts) connection.stream.gifts.delete(gift);
    if (origin.length > 1 || !origin.isNext(request) || !backend.isLive) return false;
    this.first = request;
    give(connection, remedy.gifts);
    // Nothing of the client's is under way that it could overtake.
    connection.send(new Request(this, request.replyKind), kept, null);
    return true;
  }
}
