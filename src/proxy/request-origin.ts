import type { AskClients } from '../protocol/client-inquiry.ts';
import type { RequestReading } from '../protocol/protocol.ts';
import type { TopicCounts } from '../protocol/topics.ts';
import type { ReplySink, Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { ReadyLine } from '../socket/ready-lines.ts';
import type { RequestNote } from './request-note.ts';
import type { SubscriptionLimits } from './subscription-limits.ts';

/** What a client does on a server connection of its own. */
export interface PrivateLane {
  /** No further request of the client may be dispatched for now. */
  readonly isBusy: boolean;
  /** The client waits at the server, and nothing of it is lost only if the server hears at once when it leaves. */
  readonly isBlocking: boolean;
  /** The client must not be paused now: what it has sent goes out in one piece. */
  readonly isGoingThrough: boolean;
  readonly memoryBytes: number;
  /** Acts on the request just parsed; false: it has nothing to do with the connection. */
  take(parser: RequestReading, bytes: RequestBytes): boolean;
  /** The same for one that is not to be done; `words` is what the client reads. False: it means nothing here. */
  refuseNext(parser: RequestReading, words: Buffer): boolean;
  /** Requests at the head of the client's queue were answered. */
  onAnswered(): void;
  /** The client has to go: what it waits for at a server is ended there first, so that nothing is lost. False: it does not. */
  interrupt(): boolean;
  /** Ends its waiting at a server; `then` hears, once the server has said so, whether it did wait. */
  unblock(isError: boolean, then: (wasBlocked: boolean) => void): void;
  /** The client is gone. What the server keeps for it goes with the connection; a clean one is another's. */
  abandon(): void;
}

/** What a client waits for keys on the move with, and all that it has asked since. */
export interface WaitingLine {
  /** `Session.variant` as it was when the request came that is being dispatched from here; below 0: none is. */
  readonly variant: number;
  readonly heldBytes: number;
  /** What it ends with waits at a server, where the client must be seen to leave. */
  readonly isBlocking: boolean;
  /** The client must not be read further. `pending`, `pendingBytes`: of its requests that were dispatched. */
  isFull(limits: LineLimits, pending: number, pendingBytes: number): boolean;
  /** The request just parsed is the last in line. */
  add(parser: RequestReading, bytes: RequestBytes): void;
  /** Requests at the head of the client's queue were answered. */
  onAnswered(): void;
  /** The client is gone. */
  abandon(): void;
}

/** Of one client; see `ClientLimits`. */
export interface LineLimits {
  readonly maxPipeline: number;
  readonly bufferBytes: number;
}

/** What a client has subscribed to. */
export interface Subscriptions {
  /** No further request of the client may be dispatched for now. */
  readonly isBusy: boolean;
  /** Messages may come at any time. */
  readonly isListening: boolean;
  readonly memoryBytes: number;
  /** Acts on the request just parsed, which is about topics. */
  take(parser: RequestReading, bytes: RequestBytes, limits: SubscriptionLimits): void;
  /** Requests at the head of the client's queue were answered. */
  onAnswered(): void;
  /** A request of the client was dispatched, whatever it was. */
  afterRequest(): void;
  /** The client reads nothing more. */
  abandon(): void;
}

/** The client side of a request: who asked, and where its reply goes in the client's order. */
export interface RequestOrigin extends ReplySink {
  readonly id: number;
  /** `Session.variant` of the client's session, as it was when the request came that is being dispatched. */
  readonly variant: number;
  /** Whose its requests are, where they wait for their turn; null: nobody's. */
  readonly tenant: ReadyLine | null;
  /** Its address and port, as far as the system knows them. */
  readonly peer: string;
  /** Null: all that it asks goes over connections that it shares. */
  privateLane: PrivateLane | null;
  /** What waits for keys on the move; null: nothing does. */
  line: WaitingLine | null;
  /** Of the request that is being dispatched. */
  readonly note: RequestNote;
  /** Nothing waits in line any more. */
  lineEnded(): void;
  /** Null: it has never subscribed to anything. */
  subscriptions: Subscriptions | null;
  /** `Session.topics` of the client's session. */
  topics: TopicCounts;
  /** When it last sent something that is no mere read, on the worker's clock, as far as that matters to its pool. */
  wroteAtMs: number;
  /** Gives the client what answers no request, between two replies. `bytes` are never written to again. */
  push(bytes: Buffer): void;
  /** Requests that are not answered. */
  readonly length: number;
  /** All that was asked before it is answered. */
  isNext(request: Request): boolean;
  /** Cuts the client off. */
  destroy(): void;
  readonly askClients: AskClients;
  /** What it waited for beside its replies is there: more of it may be dispatched, later in this turn. */
  readOn(): void;
  /** It goes on over shared connections. */
  leavePrivate(): void;
  /** Puts a request in the client's order of replies. */
  enqueue(request: Request): void;
  /** Answers without a server. `bytes` is never written to again; empty: no answer. */
  answer(bytes: Buffer, closesClient: boolean): void;
  /** The request failed, and the client reads `words` for a reply, which are never written to again; empty: nothing. */
  failWith(request: Request, words: Buffer): void;
  /** This much more is kept for the reply to a fragmented request. */
  onPart(request: Request, bytes: number): void;
  /** All fragments of a request are in: `request.source` writes the merged reply. */
  onCoalesced(request: Request): void;
}
