import type { WaitWords } from '../../protocol/protocol.ts';
import type { ReplySink, Request } from '../../request/request.ts';

const ENOUGH_BYTES = 64;

/** The server's reply to the request that a client should wait no longer. */
export class UnblockReply implements ReplySink {
  private readonly words: WaitWords;
  private readonly heard: (wasBlocked: boolean) => void;
  private begin: Buffer = Buffer.alloc(0);

  constructor(words: WaitWords, heard: (wasBlocked: boolean) => void) {
    this.words = words;
    this.heard = heard;
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.begin.length < ENOUGH_BYTES) this.begin = Buffer.concat([this.begin, buf.subarray(start, end)]);
    if (isLast) this.heard(this.words.isUnblocked(this.begin));
  }

  onFailure(): void {
    this.heard(false);
  }
}
