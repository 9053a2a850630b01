import type { Block } from '../../memory/block.ts';
import type { Remedy } from '../../protocol/remedy.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { GivenGifts } from '../../upstream/given-gifts.ts';

/** In `buf[start, end)`, of the reply of a transaction, a server may say that it lacks what it was given. */
export function forgetLacking(
  remedies: readonly Remedy[],
  given: GivenGifts,
  buf: Buffer,
  start: number,
  end: number,
): void {
  for (const remedy of remedies) {
    if (!remedy.isLackingInside(buf, start, end)) continue;
    for (const gift of remedy.gifts) given.delete(gift);
  }
}

/** The replies of a transaction: where one says that the server lacks what it was given, it is given that anew the next time. */
export class RunWithGifts implements ReplySink {
  private readonly sink: ReplySink;
  private readonly remedies: readonly Remedy[];
  private readonly given: GivenGifts;

  /** `given`: to the server, for the transaction. */
  constructor(sink: ReplySink, remedies: readonly Remedy[], given: GivenGifts) {
    this.sink = sink;
    this.remedies = remedies;
    this.given = given;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    forgetLacking(this.remedies, this.given, buf, start, end);
    this.sink.onReply(request, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.sink.onFailure(request, reason);
  }
}
