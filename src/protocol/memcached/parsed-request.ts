import type { Accounts } from '../../accounts/accounts.ts';
import { SIGN_IN_AWAITED, SIGN_IN_DONE, SIGN_IN_FULL, type SignInOutcome } from '../../accounts/sign-in-places.ts';
import type { Block } from '../../memory/block.ts';
import { WholeParts } from '../../request/whole-parts.ts';
import type { KeySweep } from '../key-sweep.ts';
import type { Coalescer } from '../protocol.ts';
import type { ReplyTransform } from '../reply-transform.ts';
import { HOLD_NONE, ROUTE_ALL, ROUTE_ANY, ROUTE_LOCAL, ROUTE_PLACE, ROUTE_SWEEP, type Route } from '../routes.ts';
import { TOPIC_CHANNEL } from '../topics.ts';
import { firstLineCoalescer } from './first-line-coalescer.ts';
import { NO_REPLY } from './replies.ts';
import { REPLY_LINE, REPLY_META } from './reply-scanner.ts';
import { RequestLine } from './request-line.ts';

export interface SignInReplies {
  readonly done: Buffer;
  readonly wrong: Buffer;
  readonly full: Buffer;
}

/**
 * What is known of the request last parsed, whatever its dialect: the fields that the proxy reads, and the words for what is
 * to become of the request. `next` is the position after it.
 */
export class ParsedRequest {
  route: Route = ROUTE_LOCAL;
  command = '';
  flags = 0;
  replyKind: number = REPLY_LINE;
  transform: ReplyTransform | null = null;
  keyCount = 0;
  keyBuf: Buffer | null = null;
  cutStart = 0;
  cutEnd = 0;
  readonly hold = HOLD_NONE;
  readonly waitMs = 0;
  readonly serverPlace = 0;
  readonly slot = 0;
  sweep: KeySweep | null = null;
  readonly remedy = null;
  readonly kept = null;
  readonly lesson = null;
  readonly accounts: Accounts | null;
  readonly variants = null;
  readonly isSoiling = false;
  readonly topicKind = TOPIC_CHANNEL;
  readonly isLeavingTopics = false;
  readonly topicScope = null;
  readonly isCountingListeners = false;
  readonly inquiry = null;
  readonly awaitedRun = null;
  /** What the client's keys begin with on the servers; empty: nothing. */
  prefix: Buffer = NO_REPLY;
  isNoreply = false;
  reply: Buffer = NO_REPLY;
  closesClient = false;
  isRefusedSignIn = false;
  isSignIn = false;
  coalescer: Coalescer = firstLineCoalescer;
  rewritten: Buffer | null = null;
  rewrittenEnd = 0;
  rewrittenBlock: Block | null = null;
  /** Of text: its words. The keys of a request of any dialect are its arguments. */
  readonly line = new RequestLine();

  get keyStarts(): Int32Array {
    return this.line.argStarts;
  }

  get keyEnds(): Int32Array {
    return this.line.argEnds;
  }

  constructor(accounts: Accounts | null = null) {
    this.accounts = accounts;
  }

  /** A request begins. */
  reset(): void {
    this.keyCount = 0;
    this.cutStart = this.cutEnd = 0;
    this.isNoreply = false;
    this.closesClient = false;
    this.transform = null;
    this.keyBuf = null;
    if (this.rewritten !== null) this.forgetRewritten();
  }

  /** Sends `block.bytes[0, length)` in place of the request; the block is let go with the next request. */
  rewrite(block: Block, length: number): void {
    this.rewritten = block.bytes;
    this.rewrittenEnd = length;
    this.rewrittenBlock = block;
  }

  /** The key `buf[start, end)`, where it is not to be read from what is sent. */
  setKey(buf: Buffer, start: number, end: number): void {
    const { line } = this;
    this.keyBuf = buf;
    this.keyCount = 1;
    line.argStarts[0] = start;
    line.argEnds[0] = end;
  }

  forward(route: Route, replyKind: number, next: number): number {
    this.route = route;
    this.replyKind = replyKind;
    this.reply = NO_REPLY;
    return next;
  }

  forwardToAny(replyKind: number, next: number): number {
    return this.forward(ROUTE_ANY, replyKind, next);
  }

  forwardToAll(replyKind: number, coalescer: Coalescer, next: number): number {
    this.coalescer = coalescer;
    return this.forward(ROUTE_ALL, replyKind, next);
  }

  sweepKeys(sweep: KeySweep, next: number): number {
    this.sweep = sweep;
    return this.forward(ROUTE_SWEEP, REPLY_META, next);
  }

  answer(reply: Buffer, next: number): number {
    this.route = ROUTE_LOCAL;
    this.reply = reply;
    this.isRefusedSignIn = false;
    this.isSignIn = false;
    return next;
  }

  answerUnlessNoreply(reply: Buffer, next: number): number {
    return this.answer(this.isNoreply ? NO_REPLY : reply, next);
  }

  /** The answer to a sign-in: `replies` by its outcome. */
  answerSignIn(outcome: SignInOutcome, { done, wrong, full }: SignInReplies, next: number): number {
    if (outcome === SIGN_IN_AWAITED) return this.forward(ROUTE_PLACE, REPLY_LINE, next);
    if (outcome === SIGN_IN_DONE) this.answer(done, next);
    else if (outcome === SIGN_IN_FULL) this.refuse(full, next);
    else {
      this.answer(wrong, next);
      this.isRefusedSignIn = true;
    }
    this.isSignIn = true;
    return next;
  }

  /** As the last answer of the connection. */
  refuse(reply: Buffer, next: number): number {
    this.closesClient = true;
    return this.answer(reply, next);
  }

  private forgetRewritten(): void {
    this.rewritten = null;
    this.rewrittenBlock?.release();
    this.rewrittenBlock = null;
  }

  /** There are no transactions. */
  readonly wholeBytes = null;
  readonly wholeParts = new WholeParts();

  wholeTransaction(): number {
    return 0;
  }
}
