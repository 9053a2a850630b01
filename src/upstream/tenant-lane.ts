import { Fifo } from '../memory/fifo.ts';
import { expectedBytesAfter } from '../request/expected-bytes.ts';
import type { ReplySink, Request, RequestTurn } from '../request/request.ts';
import { WaitingBytes } from './waiting-bytes.ts';

/*
 * Costs are in bytes of requests and replies, of which a server and we get through some 600 in a microsecond; see
 * docs/decisions/fair-queueing.md.
 */
/** What a request costs beside: the least that a server does for one. */
const REQUEST_COST_BYTES = 256;
/** What it costs us to write a reply to a client, if those before it were not for the same: they leave together. */
const WRITE_COST_BYTES = 4096;
/** No tenant owes more, however large its replies were. */
const DEBT_MAX_BYTES = 1024 * 1024;

/** Who adds up what all tenants have at the server. */
interface LaneOwner {
  replied(lane: TenantLane, costBytes: number): void;
}

/**
 * What one tenant has on a server connection. A request is taken for as dear as the last ones were, and once its reply has come
 * the tenant is charged what it was.
 */
export class TenantLane implements RequestTurn {
  readonly waiting = new Fifo<Request>();
  /** What these have to say. */
  readonly bytes = new WaitingBytes();
  /** What it may send before it is the next one's turn; below 0: it has sent more when it had turns. */
  creditBytes = 0;
  /** What all had sent when it last had nothing more that waited. */
  private leftAtBytes = 0;
  /** Of its requests that were sent and are not answered. */
  sentBytes = 0;
  usedAtMs = 0;
  private readonly owner: LaneOwner;
  /** What its next reply is likely to have. */
  private expectedBytes = 0;
  /** What came of the reply that is under way: a connection has one at a time. */
  private replyBytes = 0;
  /** Who gets the reply to what was sent last. */
  private lastSink: ReplySink | null = null;

  constructor(owner: LaneOwner) {
    this.owner = owner;
  }

  get isIdle(): boolean {
    return this.waiting.length === 0 && this.sentBytes === 0;
  }

  /** It waits again. What it owes grows less while others send: its part of `allBytes`, what all have sent, in `lanes` that wait. */
  joins(allBytes: number, lanes: number): void {
    this.creditBytes = Math.min(0, this.creditBytes + (allBytes - this.leftAtBytes) / lanes);
  }

  /** Nothing of it waits any more. */
  leaves(allBytes: number): void {
    this.leftAtBytes = allBytes;
  }

  sends(request: Request): void {
    let costBytes = REQUEST_COST_BYTES + request.sizeBytes + this.expectedBytes;
    if (request.sink !== this.lastSink) costBytes += WRITE_COST_BYTES;
    this.lastSink = request.sink;
    request.turn = this;
    request.costBytes = costBytes;
    this.sentBytes += costBytes;
  }

  replied(request: Request, bytes: number, isLast: boolean): void {
    this.replyBytes += bytes;
    if (!isLast) return;
    const { replyBytes } = this;
    this.replyBytes = 0;
    request.turn = null;
    this.owner.replied(this, request.costBytes);
    // What was taken for too dear is not made up for: nobody may save anything.
    const moreBytes = replyBytes - this.expectedBytes;
    if (moreBytes > 0 && this.waiting.length > 0)
      this.creditBytes = Math.max(-DEBT_MAX_BYTES, this.creditBytes - moreBytes);
    this.expectedBytes = expectedBytesAfter(replyBytes, this.expectedBytes);
  }
}
