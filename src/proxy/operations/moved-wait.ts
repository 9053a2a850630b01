import type { Block } from '../../memory/block.ts';
import type { WaitWords } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';

/** The reply to a command that waits and was told to end, to wait elsewhere: what the server has given it before is the client's. */
export class MovedWait implements ReplySink {
  private readonly sink: ReplySink;
  private readonly words: WaitWords;
  private readonly again: () => void;
  private isBegun = false;

  /** `sink` takes what is the client's; `again`: called where nothing has come. */
  constructor(sink: ReplySink, words: WaitWords, again: () => void) {
    this.sink = sink;
    this.words = words;
    this.again = again;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const isInterrupted = !this.isBegun && this.words.isInterrupted(buf, start, end);
    this.isBegun = true;
    if (isInterrupted) {
      request.sink = this.sink;
      this.again();
    } else this.sink.onReply(request, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.sink.onFailure(request, reason);
  }
}
