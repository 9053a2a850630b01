import type { RequestReading } from '../../protocol/protocol.ts';
import { HOLD_OPEN, HOLD_RUN } from '../../protocol/routes.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { WholeLane } from './whole-lane.ts';

const NOTHING = Buffer.alloc(0);

/** A transaction that came in one piece and is not to be run: no server hears of it, and the client reads what it would of one. */
export class RefusedWhole extends WholeLane {
  readonly memoryBytes = 0;
  private readonly origin: RequestOrigin;
  private readonly words: TransactionWords;

  constructor(origin: RequestOrigin, words: TransactionWords) {
    super();
    this.origin = origin;
    this.words = words;
  }

  take(parser: RequestReading): boolean {
    const { opened, aborted, queued } = this.words;
    this.answer(parser, parser.hold === HOLD_OPEN ? opened : parser.hold === HOLD_RUN ? aborted : queued);
    return true;
  }

  override refuseNext(parser: RequestReading, words: Buffer): boolean {
    this.answer(parser, words);
    return true;
  }

  abandon(): void {}

  private answer(parser: RequestReading, words: Buffer): void {
    this.origin.answer(parser.isNoreply ? NOTHING : words, false);
    if (parser.hold === HOLD_RUN) this.origin.leavePrivate();
  }
}
