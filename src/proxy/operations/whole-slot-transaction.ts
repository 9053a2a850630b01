import type { RequestReading } from '../../protocol/protocol.ts';
import type { Remedy } from '../../protocol/remedy.ts';
import { HOLD_RUN } from '../../protocol/routes.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { RequestOrigin } from '../request-origin.ts';
import type { SlotOrder } from './slot-order.ts';
import { SlotTransaction, TransactionStep } from './slot-transaction.ts';
import { TransformedReply } from './transformed-reply.ts';
import { WholeLane } from './whole-lane.ts';

/**
 * A transaction that came in one piece, all of it for one slot of a cluster: gathered from the request that opens it to the one
 * that runs it, and sent then.
 */
export class WholeSlotTransaction extends WholeLane {
  memoryBytes = 0;
  private readonly origin: RequestOrigin;
  private readonly order: SlotOrder;
  private readonly slot: number;
  private readonly words: TransactionWords;
  private readonly steps: TransactionStep[] = [];
  private readonly remedies: Remedy[] = [];
  private isAbandoned = false;

  constructor(origin: RequestOrigin, order: SlotOrder, slot: number, words: TransactionWords) {
    super();
    this.origin = origin;
    this.order = order;
    this.slot = slot;
    this.words = words;
  }

  take(parser: RequestReading, bytes: RequestBytes): boolean {
    if (this.isAbandoned) return true;
    const { origin, steps } = this;
    const { transform } = parser;
    const sink: ReplySink = transform === null ? origin : new TransformedReply(origin, transform);
    const request = new Request(sink, parser.replyKind);
    request.isSilent = parser.isNoreply;
    origin.enqueue(request);
    const step = new TransactionStep(request, bytes.keep());
    this.memoryBytes += step.bytes.heldBytes;
    steps.push(step);
    if (parser.remedy?.isGivenAhead) this.remedies.push(parser.remedy);
    if (parser.hold === HOLD_RUN) {
      origin.leavePrivate();
      const transaction = new SlotTransaction(this.order, origin, this.slot, steps, this.words, this.remedies);
      this.order.start(transaction);
    }
    return true;
  }

  abandon(): void {
    this.isAbandoned = true;
    for (const { bytes } of this.steps) bytes.release();
  }
}
