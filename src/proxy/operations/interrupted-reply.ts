import type { Block } from '../../memory/block.ts';
import type { WaitWords } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';

/**
 * The reply to a command that waits at its server and was interrupted there, because the client has to go: what the server has
 * given it just before still reaches it; else it is cut off without a word, as by a server that ends.
 */
export class InterruptedReply implements ReplySink {
  private readonly origin: RequestOrigin;
  private readonly sink: ReplySink;
  private readonly words: WaitWords;
  private isBegun = false;

  /** `sink` takes what is the client's. */
  constructor(origin: RequestOrigin, sink: ReplySink, words: WaitWords) {
    this.origin = origin;
    this.sink = sink;
    this.words = words;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const isInterrupted = !this.isBegun && this.words.isInterrupted(buf, start, end);
    this.isBegun = true;
    if (isInterrupted) this.origin.destroy();
    else this.sink.onReply(request, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.sink.onFailure(request, reason);
  }
}
