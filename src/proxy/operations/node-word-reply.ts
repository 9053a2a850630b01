import type { Block } from '../../memory/block.ts';
import type { NodeWord } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { SlotOrder } from './slot-order.ts';

/** Hears what a node says in place of a reply. */
export interface NodeWordHearer {
  /** `reply` is an error: one of the cluster's words, or WORD_NONE. False: it is the client's to read. */
  onWord(request: Request, word: NodeWord, reply: Buffer): boolean;
  /** It failed. False: the client is to hear of it. */
  onLost(request: Request, reason: FailureReason): boolean;
}

/** The reply to a request on a connection of its client's own, to a node of a cluster. */
export class NodeWordReply implements ReplySink {
  /** Takes what is a reply. */
  private readonly sink: ReplySink;
  private readonly order: SlotOrder;
  private readonly hearer: NodeWordHearer;
  private isPassing = false;

  constructor(sink: ReplySink, order: SlotOrder, hearer: NodeWordHearer) {
    this.sink = sink;
    this.order = order;
    this.hearer = hearer;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    // From then on what the request holds is its client's.
    if (this.isPassing) {
      this.sink.onReply(request, buf, start, end, isLast, block);
      return;
    }
    const { words } = this.order;
    const held = request.heldBytes;
    if ((held === 0 && !words.mayBegin(buf[start] as number)) || held + end - start > words.maxBytes) {
      this.isPassing = true;
      this.passHeld(request);
      this.sink.onReply(request, buf, start, end, isLast, block);
      return;
    }
    request.hold(buf, start, end, block);
    if (!isLast) return;
    const whole = request.takeHeld();
    const word = words.read(whole, 0, whole.length);
    if (this.hearer.onWord(request, word, whole)) return;
    this.sink.onReply(request, whole, 0, whole.length, true, null);
  }

  onFailure(request: Request, reason: FailureReason): void {
    if (!this.isPassing) request.dropHeld();
    this.order.pool.hint(reason);
    if (!this.hearer.onLost(request, reason)) this.sink.onFailure(request, reason);
  }

  private passHeld(request: Request): void {
    if (request.heldBytes === 0) return;
    const first = request.takeHeld();
    this.sink.onReply(request, first, 0, first.length, false, null);
  }
}
