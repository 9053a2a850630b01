import type { Block } from '../../memory/block.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** Passes a reply on to the client as it is, and says that it has come. */
export class NotedReply implements ReplySink {
  private readonly origin: RequestOrigin;
  private readonly onCame: () => void;

  constructor(origin: RequestOrigin, onCame: () => void) {
    this.origin = origin;
    this.onCame = onCame;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    if (isLast) this.onCame();
    this.origin.onReply(request, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.origin.onFailure(request, reason);
  }
}
