import type { Block } from '../../memory/block.ts';
import { WORD_NONE } from '../../protocol/protocol.ts';
import type { Remedy } from '../../protocol/remedy.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import type { ReadChoice } from '../../upstream/read-choice.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { DONE, type OrderOfSlots, SlotBound } from './slot-bound.ts';

/** A request to the owner of a slot; it keeps its bytes until it is done. */
export class SlotRequest extends SlotBound implements ReplySink {
  /** What the client waits for. */
  private readonly whole: Request;
  private readonly inner: Request;
  /** Null: it can't be sent again. */
  private bytes: RequestBytes | null;
  /** What it needs of its server, which may have lost it since it was given it; null: nothing, or it was given it anew. */
  remedy: Remedy | null = null;
  private isPassing = false;
  private isSending = false;

  /** `whole`: enqueued, its sink takes what comes. */
  constructor(
    order: OrderOfSlots,
    origin: RequestOrigin,
    whole: Request,
    slot: number,
    bytes: RequestBytes,
    reads: ReadChoice | null,
  ) {
    super(order, origin, slot);
    this.reads = reads;
    this.whole = whole;
    this.inner = new Request(this, whole.replyKind);
    this.inner.valuesAsked = whole.valuesAsked;
    this.bytes = bytes.keep();
    order.keptBytes += this.bytes.heldBytes;
  }

  protected override get maySendAgain(): boolean {
    return !this.isPassing && this.bytes !== null;
  }

  protected fits(connection: BackendConnection): boolean {
    const { bytes } = this;
    return bytes !== null && (!this.isAsking || connection.hasRoomFor(2, bytes.sizeBytes));
  }

  protected write(connection: BackendConnection): void {
    this.isSending = true;
    connection.send(this.inner, this.bytes as RequestBytes, this.tenant);
    this.isSending = false;
  }

  onReply(inner: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    if (this.isPassing) {
      this.pass(buf, start, end, isLast, block);
      return;
    }
    const { words } = this.order;
    if (inner.heldBytes > 0) {
      inner.hold(buf, start, end, block);
      if (!isLast && inner.heldBytes <= words.maxBytes) return;
      const whole = inner.takeHeld();
      this.judge(whole, 0, whole.length, isLast, null);
      return;
    }
    if (!words.mayBegin(buf[start] as number)) {
      this.isPassing = true;
      this.pass(buf, start, end, isLast, block);
    } else if (isLast || end - start > words.maxBytes) this.judge(buf, start, end, isLast, block);
    else inner.hold(buf, start, end, block);
  }

  onFailure(inner: Request, reason: FailureReason): void {
    inner.dropHeld();
    const isUnsent = (this.isSending && reason !== 'overloaded') || reason === 'connection_refused';
    this.isSending = false;
    this.lostAt(reason, isUnsent);
  }

  fail(reason: FailureReason): void {
    const { whole } = this;
    this.done();
    whole.sink?.onFailure(whole, reason);
  }

  answer(words: Buffer): void {
    const { whole } = this;
    this.done();
    whole.sink?.onReply(whole, words, 0, words.length, true, null);
  }

  forget(): void {
    if (this.bytes === null) return;
    this.order.keptBytes -= this.bytes.heldBytes;
    this.bytes.release();
    this.bytes = null;
  }

  private pass(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { whole } = this;
    if (isLast) this.done();
    whole.sink?.onReply(whole, buf, start, end, isLast, block);
  }

  /** An error that is there as a whole, or is too long for a word of the cluster. */
  private judge(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const word = isLast ? this.order.words.read(buf, start, end) : null;
    if (word !== null && word.kind !== WORD_NONE && this.follow(word)) return;
    if (isLast && this.remedy?.isLacking(buf, start, end) && this.goWithRemedy(this.remedy)) return;
    this.isPassing = true;
    this.pass(buf, start, end, isLast, block);
  }

  /** Once more, with what the server lacks; the next is given it if not this. False: the client has asked more, which was done. */
  private goWithRemedy({ gifts }: Remedy): boolean {
    const { order, backend } = this;
    this.remedy = null;
    if (backend === null) return false;
    const given = backend.connectionFor(this.originId, this.variant).stream.gifts;
    for (const gift of gifts) given.delete(gift);
    if (!this.maySendAgain || order.isFollowed(this)) return false;
    this.gifts = gifts;
    this.turnTo(backend, this.isAsking);
    return true;
  }

  private done(): void {
    this.state = DONE;
    this.whole.timePart(this.inner);
    this.forget();
    this.order.remove(this);
  }
}
