import type { Block } from '../../memory/block.ts';
import type { AwaitedRun } from '../awaited-run.ts';
import type { ClientInquiry } from '../client-inquiry.ts';
import type { KeySweep } from '../key-sweep.ts';
import type { Coalescer } from '../protocol.ts';
import type { Remedy } from '../remedy.ts';
import type { ReplyTransform } from '../reply-transform.ts';
import { HOLD_NONE, type Hold, ROUTE_LOCAL, ROUTE_PRIVATE, type Route } from '../routes.ts';
import { TOPIC_CHANNEL, type TopicKind, type TopicScope } from '../topics.ts';
import { coalescerFor } from './coalescers.ts';
import { UNKNOWN_COMMAND_NAME } from './commands/command-table.ts';
import { KeyRanges, RequestArgs } from './request-args.ts';
import { EMPTY, encodeRequest } from './resp.ts';

/** What a request is taken for: the fields that the proxy reads, overwritten by the next request, and what sets them. */
export class RoutedRequest {
  route: Route = ROUTE_LOCAL;
  command = UNKNOWN_COMMAND_NAME;
  flags = 0;
  readonly replyKind = 0;
  transform: ReplyTransform | null = null;
  remedy: Remedy | null = null;
  serverPlace = 0;
  slot = 0;
  sweep: KeySweep | null = null;
  readonly cutStart = 0;
  readonly cutEnd = 0;
  isNoreply = false;
  hold: Hold = HOLD_NONE;
  waitMs = 0;
  isSoiling = false;
  variants: readonly number[] | null = null;
  topicKind: TopicKind = TOPIC_CHANNEL;
  isLeavingTopics = false;
  topicScope: TopicScope | null = null;
  isCountingListeners = false;
  inquiry: ClientInquiry | null = null;
  awaitedRun: AwaitedRun | null = null;
  reply: Buffer = EMPTY;
  closesClient = false;
  isRefusedSignIn = false;
  isSignIn = false;
  coalescer: Coalescer = coalescerFor('same');
  readonly keyBuf: Buffer | null = null;
  rewritten: Buffer | null = null;
  rewrittenEnd = 0;
  rewrittenBlock: Block | null = null;
  protected readonly args = new RequestArgs();
  protected readonly keys = new KeyRanges();

  get keyCount(): number {
    return this.keys.count;
  }

  get keyStarts(): Int32Array {
    return this.keys.starts;
  }

  get keyEnds(): Int32Array {
    return this.keys.ends;
  }

  /** On the client's own connection; `reply` and the keys may be set. */
  protected goPrivate(hold: Hold): void {
    this.route = ROUTE_PRIVATE;
    this.hold = hold;
    this.isSoiling = false;
  }

  /** What is sent in place of the request: these words, and its own arguments from `from` on. */
  protected rewriteArguments(name: string, from: number, ...words: readonly string[]): void {
    const { args } = this;
    const rest = Array.from({ length: args.count - from }, (_, i) => args.bytes(from + i));
    this.forgetRewritten();
    this.rewritten = encodeRequest(name, ...words, ...rest);
    this.rewrittenEnd = this.rewritten.length;
  }

  /** It is sent as it came. */
  protected forgetRewritten(): void {
    this.rewritten = null;
    this.rewrittenBlock?.release();
    this.rewrittenBlock = null;
  }

  protected answer(command: string, reply: Buffer): void {
    this.command = command;
    this.route = ROUTE_LOCAL;
    this.reply = reply;
    this.isRefusedSignIn = false;
    this.isSignIn = false;
  }
}
