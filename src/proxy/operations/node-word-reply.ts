import type { Block } from '../../memory/block.ts';
import { NO_OWNER } from '../../placement/slot-map.ts';
import { WORD_ASK, WORD_MOVED } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { RequestOrigin } from '../request-origin.ts';
import type { SlotOrder } from './slot-order.ts';

/**
 * The reply to a request on a connection of its client's own, which can't be sent on to another node of a cluster: what it
 * belongs to, a transaction or watched keys, is at this one. Where the node says that the slot is elsewhere, that is noted, and
 * the client reads that it has to try again.
 */
export class NodeWordReply implements ReplySink {
  private readonly origin: RequestOrigin;
  /** Takes what is a reply. */
  private readonly sink: ReplySink;
  private readonly order: SlotOrder;
  private isPassing = false;

  constructor(origin: RequestOrigin, sink: ReplySink, order: SlotOrder) {
    this.origin = origin;
    this.sink = sink;
    this.order = order;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { words } = this.order;
    const held = request.heldBytes;
    if (
      this.isPassing ||
      (held === 0 && !words.mayBegin(buf[start] as number)) ||
      held + end - start > words.maxBytes
    ) {
      this.passHeld(request);
      this.isPassing = true;
      this.sink.onReply(request, buf, start, end, isLast, block);
      return;
    }
    request.hold(buf, start, end, block);
    if (!isLast) return;
    const whole = request.takeHeld();
    if (this.isElsewhere(whole, request)) this.origin.failWith(request, words.movedMeanwhileReply);
    else this.sink.onReply(request, whole, 0, whole.length, true, null);
  }

  onFailure(request: Request, reason: FailureReason): void {
    request.dropHeld();
    this.order.pool.hint(reason);
    this.sink.onFailure(request, reason);
  }

  private passHeld(request: Request): void {
    if (request.heldBytes === 0) return;
    const first = request.takeHeld();
    this.sink.onReply(request, first, 0, first.length, false, null);
  }

  private isElsewhere(reply: Buffer, { server }: Request): boolean {
    const { order } = this;
    const word = order.words.read(reply, 0, reply.length);
    if (word.kind !== WORD_MOVED && word.kind !== WORD_ASK) return false;
    order.pool.hint('a slot has moved');
    const place =
      word.kind === WORD_ASK ? NO_OWNER : order.pool.slots.serverAt(order.addressOf(word, server as Backend));
    if (place !== NO_OWNER) order.moved(word.slot, place);
    return true;
  }
}
