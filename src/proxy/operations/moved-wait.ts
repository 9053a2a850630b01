import type { Block } from '../../memory/block.ts';
import type { WaitWords } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** The reply to a command that waits and was told to end, to wait elsewhere: what the server has given it before is the client's. */
export class MovedWait implements ReplySink {
  private readonly origin: RequestOrigin;
  private readonly words: WaitWords;
  private readonly again: () => void;
  private isBegun = false;

  /** `again`: called where nothing has come. */
  constructor(origin: RequestOrigin, words: WaitWords, again: () => void) {
    this.origin = origin;
    this.words = words;
    this.again = again;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const isInterrupted = !this.isBegun && this.words.isInterrupted(buf, start, end);
    this.isBegun = true;
    if (isInterrupted) {
      request.sink = this.origin;
      this.again();
    } else this.origin.onReply(request, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.origin.onFailure(request, reason);
  }
}
