import type { Block } from '../../memory/block.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';

/**
 * The reply to the request that was to run a transaction, of which something was refused: the server is asked to give the
 * transaction up instead, and once it has answered, or is gone, the client reads that it was aborted.
 */
export class AbortedRun implements ReplySink {
  private readonly origin: RequestOrigin;
  private readonly words: Buffer;

  constructor(origin: RequestOrigin, words: Buffer) {
    this.origin = origin;
    this.words = words;
  }

  onReply(request: Request, _buf: Buffer, _start: number, _end: number, isLast: boolean, _block: Block | null): void {
    if (isLast) this.origin.onReply(request, this.words, 0, this.words.length, true, null);
  }

  onFailure(request: Request): void {
    this.origin.failWith(request, this.words);
  }
}
