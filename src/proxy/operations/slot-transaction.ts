import type { Block } from '../../memory/block.ts';
import { type NodeWord, WORD_NONE } from '../../protocol/protocol.ts';
import type { Gift, Remedy } from '../../protocol/remedy.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import { type GivenGifts, giveAnew } from '../../upstream/given-gifts.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { forgetLacking } from './run-with-gifts.ts';
import { DONE, type OrderOfSlots, SlotBound } from './slot-bound.ts';

/** A request of a transaction. */
export class TransactionStep {
  /** What the client waits for; null: it has its reply already. */
  outer: Request | null;
  /** Kept; the step owes its release. */
  readonly bytes: RequestBytes;
  /** Where it was sent last. */
  inner: Request | null = null;
  /** In place of a reply: where the node sends it, or that it can't have it now. */
  refusal: Buffer | null = null;

  constructor(outer: Request | null, bytes: RequestBytes) {
    this.outer = outer;
    this.bytes = bytes;
  }
}

/**
 * A transaction whose keys are in one slot, as a whole: from the request that opens it to the one that runs it, one directly
 * after the other on the connection that all share. What nodes say of where it belongs, to one of its requests or to the
 * last, means that nothing of it was done: then all of it goes again, and the client reads no reply twice.
 */
export class SlotTransaction extends SlotBound implements ReplySink {
  private readonly remedies: readonly Remedy[];
  private readonly steps: readonly TransactionStep[];
  private readonly transactions: TransactionWords;
  private given: GivenGifts | null = null;
  private isKept = true;
  private sizeBytes = 0;
  private heldBytes = 0;
  private isSending = false;
  private isPassing = false;
  /** The first of the cluster's words in the replies of this attempt. */
  private word: NodeWord | null = null;
  /** What was wrong with a request whose reply nobody waits for. */
  private fault: Buffer | null = null;

  /** `steps`: two at least, the first opens it and the last runs it. `remedies`: what they need. */
  constructor(
    order: OrderOfSlots,
    origin: RequestOrigin,
    slot: number,
    steps: readonly TransactionStep[],
    transactions: TransactionWords,
    remedies: readonly Remedy[],
  ) {
    super(order, origin, slot);
    this.remedies = remedies;
    if (remedies.length > 0) this.gifts = remedies.flatMap(({ gifts }) => gifts);
    this.steps = steps;
    this.transactions = transactions;
    for (const { bytes } of steps) {
      this.sizeBytes += bytes.sizeBytes;
      this.heldBytes += bytes.heldBytes;
    }
    order.keptBytes += this.heldBytes;
  }

  protected fits(connection: BackendConnection): boolean {
    return this.isKept && connection.hasRoomFor(this.steps.length + 1, this.sizeBytes);
  }

  /** Inside of the transaction nothing can be given. */
  protected override giveTo(connection: BackendConnection, gifts: readonly Gift[]): void {
    this.given = connection.stream.gifts;
    giveAnew(connection, gifts);
  }

  protected write(connection: BackendConnection): void {
    this.word = null;
    this.fault = null;
    this.isSending = true;
    for (const [i, step] of this.steps.entries()) {
      const inner = new Request(this, 0);
      inner.part = i;
      step.inner = inner;
      step.refusal = null;
      inner.isFollowed = i < this.steps.length - 1;
      connection.send(inner, step.bytes, this.tenant);
      // It failed at once, and with it all.
      if (step.inner !== inner) break;
    }
    this.isSending = false;
  }

  onReply(inner: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const step = this.steps[inner.part] as TransactionStep;
    const isRun = inner.part === this.steps.length - 1;
    const { words } = this.order;
    if (isRun && (this.isPassing || (inner.heldBytes === 0 && !words.mayBegin(buf[start] as number)))) {
      this.pass(step, buf, start, end, isLast, block);
      return;
    }
    inner.hold(buf, start, end, block);
    if (isRun && inner.heldBytes > words.maxBytes) {
      const piece = inner.takeHeld();
      this.pass(step, piece, 0, piece.length, isLast, null);
    } else if (isLast) {
      const whole = inner.takeHeld();
      if (isRun) this.judgeRun(step, whole);
      else this.judge(step, whole);
    }
  }

  onFailure(inner: Request, reason: FailureReason): void {
    inner.dropHeld();
    const isUnsent = (this.isSending && reason !== 'overloaded') || reason === 'connection_refused';
    this.dropAttempt();
    this.lostAt(reason, isUnsent);
  }

  fail(reason: FailureReason): void {
    const waiting = this.takeWaiting();
    for (const outer of waiting) outer.sink?.onFailure(outer, reason);
  }

  /** The request that opens it has its reply all the same, and the one that runs it says that it was not run. */
  answer(words: Buffer): void {
    const { steps, transactions } = this;
    const [first, last] = [steps[0]?.outer, steps.at(-1)?.outer];
    for (const outer of this.takeWaiting()) {
      const reply = outer === first ? transactions.opened : outer === last ? transactions.abortedFor(words) : words;
      outer.sink?.onReply(outer, reply, 0, reply.length, true, null);
    }
  }

  forget(): void {
    if (!this.isKept) return;
    this.isKept = false;
    this.order.keptBytes -= this.heldBytes;
    for (const { bytes } of this.steps) bytes.release();
  }

  /** The reply to a request before the last. */
  private judge(step: TransactionStep, reply: Buffer): void {
    const word = this.order.words.read(reply, 0, reply.length);
    if (word.kind !== WORD_NONE) {
      step.refusal = reply;
      this.word ??= word;
    } else if (step.outer !== null) this.deliver(step, reply);
    else if (this.order.words.mayBegin(reply[0] as number)) this.fault ??= reply;
  }

  /** An error in reply to the request that runs it: was it that something of it is to be asked elsewhere? */
  private judgeRun(step: TransactionStep, reply: Buffer): void {
    const { transactions, fault } = this;
    const said = this.order.words.read(reply, 0, reply.length);
    const isAborted = transactions.isAborted(reply);
    const word = said.kind !== WORD_NONE ? said : isAborted ? this.word : null;
    if (word !== null) {
      this.dropAttempt();
      if (this.follow(word)) return;
    }
    const told = isAborted && fault !== null ? transactions.abortedFor(fault) : reply;
    this.pass(step, told, 0, told.length, true, null);
  }

  /** Of the reply to the last request, after what those before it were told. */
  private pass(
    step: TransactionStep,
    buf: Buffer,
    start: number,
    end: number,
    isLast: boolean,
    block: Block | null,
  ): void {
    if (!this.isPassing) for (const each of this.steps) if (each.refusal !== null) this.deliver(each, each.refusal);
    this.isPassing = true;
    if (this.given !== null) forgetLacking(this.remedies, this.given, buf, start, end);
    const { outer } = step;
    if (isLast) this.takeWaiting();
    outer?.sink?.onReply(outer, buf, start, end, isLast, block);
  }

  private deliver(step: TransactionStep, reply: Buffer): void {
    const { outer, inner } = step;
    step.outer = null;
    if (outer === null) return;
    if (inner !== null) outer.timePart(inner);
    outer.sink?.onReply(outer, reply, 0, reply.length, true, null);
  }

  /** What still comes of this attempt is nobody's. */
  private dropAttempt(): void {
    for (const step of this.steps) {
      if (step.inner === null) continue;
      step.inner.sink = null;
      step.inner.dropHeld();
      step.inner = null;
    }
  }

  /** It is done; those who have no reply yet. */
  private takeWaiting(): Request[] {
    this.state = DONE;
    const waiting: Request[] = [];
    for (const step of this.steps) {
      if (step.outer === null) continue;
      if (step.inner !== null) step.outer.timePart(step.inner);
      waiting.push(step.outer);
      step.outer = null;
    }
    this.dropAttempt();
    this.forget();
    this.order.remove(this);
    return waiting;
  }
}
