import type { Block } from '../../memory/block.ts';
import { Fifo } from '../../memory/fifo.ts';
import type { AskClients } from '../../protocol/client-inquiry.ts';
import type { Session } from '../../protocol/protocol.ts';
import type { TopicCounts } from '../../protocol/topics.ts';
import type { FailureReason } from '../../request/failure.ts';
import { Request } from '../../request/request.ts';
import type { Outbox } from '../../socket/outbox.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { ClientHost } from '../client-host.ts';
import type { SlowClient } from '../insight/slow-requests.ts';
import type { WatchedClient } from '../insight/traffic-watch.ts';
import type { ClientMeter } from '../limits/client-meter.ts';
import { RequestNote } from '../request-note.ts';
import type { PrivateLane, RequestOrigin, Subscriptions, WaitingLine } from '../request-origin.ts';
import { logCutOff } from './cut-off.ts';
import { ExpectedReplies } from './expected-replies.ts';
import { noteLargeReply } from './large-replies.ts';
import type { ReplyQueueOwner } from './reply-queue-owner.ts';

/** A reply is passed on before it is complete once this much of it is there. */
const STREAM_THRESHOLD_BYTES = 64 * 1024;
/** What a request costs beside its bytes while it is pending. */
const PENDING_BYTES = 256;
/** What each part of one that was split costs here; the fragment itself counts at the server it went to. */
const PART_BYTES = 32;

/*
 * The requests of one client that are not answered, in its order, and the replies that came too early for it:
 *
 *   enqueue ─▶ pending ◀─ replies and failures, in any order over the servers
 *                 │
 *                 └─ the head: settled, or of 64 KiB and more and still coming ─▶ outbox
 */
export class ReplyQueue implements RequestOrigin, SlowClient, WatchedClient {
  readonly id: number;
  privateLane: PrivateLane | null = null;
  subscriptions: Subscriptions | null = null;
  wroteAtMs = Number.NEGATIVE_INFINITY;
  line: WaitingLine | null = null;
  tenant: ReadyLine | null = null;
  private host: ClientHost;
  private readonly session: Session;
  private readonly socket: StreamSocket;
  private readonly outbox: Outbox;
  private readonly owner: ReplyQueueOwner;
  private peerText: string | null = null;
  private readonly pending = new Fifo<Request>();
  readonly note = new RequestNote();
  /** That the client has sent for all that are pending. */
  pendingBytes = 0;
  /** Of all pending requests that were split, the fragments. */
  private pendingParts = 0;
  private readonly expected = new ExpectedReplies();
  /** Of the reply that is passed on before it is complete. */
  private streamedBytes = 0;
  /** Bytes of replies that are not in the outbox yet because it is not their turn. */
  heldBytes = 0;
  askedRequests = 0;
  trafficBytes = 0;
  seenRequests = 0;
  seenBytes = 0;
  /** What the client is held to; null: nothing is limited. */
  private meter: ClientMeter | null = null;
  /** Messages that came while a reply was passed on before it was complete. */
  private heldPushes: Request | null = null;

  constructor(session: Session, host: ClientHost, socket: StreamSocket, outbox: Outbox, owner: ReplyQueueOwner) {
    this.id = session.id;
    this.session = session;
    this.host = host;
    this.socket = socket;
    this.outbox = outbox;
    this.owner = owner;
  }

  /** Nothing is pending. */
  moveTo(host: ClientHost): void {
    this.host = host;
    this.subscriptions?.abandon();
    this.subscriptions = null;
    this.wroteAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Of the client. */
  get address(): string {
    return this.peer;
  }

  get name(): string {
    return this.session.name;
  }

  get clientLabel(): string {
    return this.name === '' ? this.address : `${this.address} ${this.name}`;
  }

  get peer(): string {
    this.peerText ??= this.socket.peer;
    return this.peerText;
  }

  get variant(): number {
    return this.line === null || this.line.variant < 0 ? this.session.variant : this.line.variant;
  }

  get topics(): TopicCounts {
    return this.session.topics;
  }

  set topics(counts: TopicCounts) {
    this.session.topics = counts;
  }

  /** Requests that are not answered. */
  get length(): number {
    return this.pending.length;
  }

  /** Replies that the kernel has not taken, those included that wait for their turn. */
  get unsentBytes(): number {
    return this.outbox.unsentBytes + this.heldBytes;
  }

  /**
   * It awaits as much as it may, by the size of its last replies: others share the server connections, and whatever stands in
   * their queues stands before what they ask.
   */
  get isAwaitingEnough(): boolean {
    return this.expected.areEnough(this.pending.length, this.host.limits.bufferBytes);
  }

  /** What is kept here and in the outbox. */
  get memoryBytes(): number {
    const { privateLane, subscriptions, line, pending } = this;
    const laneBytes = (privateLane?.memoryBytes ?? 0) + (subscriptions?.memoryBytes ?? 0) + (line?.heldBytes ?? 0);
    return this.unsentBytes + laneBytes + pending.length * PENDING_BYTES + this.pendingParts * PART_BYTES;
  }

  isNext(request: Request): boolean {
    return this.pending.peek() === request;
  }

  destroy(): void {
    this.owner.destroy();
  }

  get askClients(): AskClients {
    return this.host.router.askClients;
  }

  readOn(): void {
    this.owner.onAnswered();
  }

  leavePrivate(): void {
    this.privateLane = null;
  }

  lineEnded(): void {
    this.line = null;
    this.owner.onAnswered();
  }

  enqueue(request: Request): void {
    this.note.putOn(request);
    this.pendingBytes += request.originBytes;
    this.pendingParts += request.part;
    this.pending.push(request);
    if (this.meter !== null) this.meter.enqueued();
  }

  answer(bytes: Buffer, closesClient: boolean): void {
    if (closesClient) this.owner.stopReading();
    if (bytes.length === 0) {
      this.localReply(bytes.length);
      if (closesClient) this.owner.closeWhenDone();
      return;
    }
    if (this.pending.length === 0) {
      this.outbox.appendOwned(bytes);
      this.replied(bytes.length);
      this.localReply(bytes.length);
      if (closesClient) this.owner.closeWhenDone();
      return;
    }
    const request = new Request(null, 0);
    request.holdOwned(bytes);
    this.heldBytes += bytes.length;
    request.isSettled = true;
    this.enqueue(request);
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const isHead = request === this.pending.peek();
    if (request.isSilent) {
      if (isLast) this.settle(request, isHead);
      return;
    }
    if (isLast && isHead && request.heldBytes === 0) {
      const replyBytes = this.streamedBytes + end - start;
      if (end > start || request.isStreaming) {
        this.outbox.append(buf, start, end, block);
        this.replied(end - start);
      }
      if (request.isStreaming) this.releasePushes();
      this.shift(request);
      this.done(request, replyBytes);
      if (this.pending.length > 0) this.releaseSettled();
      else this.owner.onAnswered();
      return;
    }
    if (request.isStreaming && !isLast) {
      this.streamedBytes += end - start;
      this.outbox.append(buf, start, end, block);
      this.host.stats.responseBytes += end - start;
      this.checkOutputLimit(end - start);
      return;
    }
    if (end > start) request.hold(buf, start, end, block);
    this.heldBytes += end - start;
    if (isLast) {
      this.settle(request, isHead);
    } else if (isHead && request.heldBytes >= STREAM_THRESHOLD_BYTES) {
      request.isStreaming = true;
      this.streamedBytes = request.heldBytes;
      this.host.stats.responseBytes += request.heldBytes;
      this.heldBytes -= request.heldBytes;
      request.releaseTo(this.outbox);
    }
    this.checkOutputLimit(end - start);
  }

  push(bytes: Buffer): void {
    const { stats } = this.host;
    if (this.pending.peek()?.isStreaming) {
      this.heldPushes ??= new Request(null, 0);
      this.heldPushes.holdOwned(bytes);
      this.heldBytes += bytes.length;
    } else this.outbox.appendOwned(bytes);
    if (this.meter !== null) this.meter.pushed(bytes.length);
    stats.messagesOut++;
    stats.responseBytes += bytes.length;
    this.checkOutputLimit(bytes.length);
  }

  onPart(request: Request, bytes: number): void {
    request.heldBytes += bytes;
    this.heldBytes += bytes;
    this.checkOutputLimit(bytes);
  }

  onCoalesced(request: Request): void {
    this.settle(request, request === this.pending.peek());
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.failWith(request, this.host.protocol.failureReply(reason));
  }

  failWith(request: Request, words: Buffer): void {
    this.host.stats.forwardError++;
    if (request.isStreaming) {
      // Half of the reply is with the client already; only a closed connection tells it that the rest won't come.
      this.owner.destroy();
      return;
    }
    this.heldBytes -= request.heldBytes;
    request.dropHeld();
    if (words.length > 0) request.holdOwned(words);
    this.heldBytes += request.heldBytes;
    this.settle(request, request === this.pending.peek());
  }

  /** From now on the client is held to this. */
  setMeter(meter: ClientMeter | null): void {
    this.meter?.leave();
    meter?.takeOver(this.meter, this.pending.length);
    this.meter = meter;
  }

  /** The client is gone: what is still to come is read and dropped. */
  abandon(): void {
    this.setMeter(null);
    for (let i = 0; i < this.pending.length; i++) {
      const request = this.pending.at(i);
      request.sink = null;
      request.dropHeld();
    }
    this.heldPushes?.dropHeld();
    this.line?.abandon();
    this.subscriptions?.abandon();
    this.privateLane?.abandon();
  }

  private releasePushes(): void {
    const { heldPushes } = this;
    if (heldPushes === null) return;
    this.heldPushes = null;
    this.heldBytes -= heldPushes.heldBytes;
    heldPushes.releaseTo(this.outbox);
  }

  private settle(request: Request, isHead: boolean): void {
    request.isSettled = true;
    if (isHead) this.releaseSettled();
  }

  /** The request that is being dispatched was answered here. */
  private localReply(bytes: number): void {
    this.trafficBytes += bytes;
    if (this.meter !== null) this.meter.replied(bytes);
    const { host, note } = this;
    const { command, readAtUs } = note;
    if (command === null) return;
    host.replyTimer.settled(command, readAtUs);
    if ((host.clock.nowUs - readAtUs) >>> 0 < host.slowRequests.threshold) return;
    const request = new Request(null, 0);
    request.originBytes = note.bytes;
    request.readAtUs = readAtUs;
    host.slowRequests.add(host.poolName, this, command, request, bytes);
  }

  private shift(head: Request): void {
    this.pending.shift();
    this.expected.count();
    if (this.meter !== null) this.meter.answered();
    this.pendingBytes -= head.originBytes;
    this.pendingParts -= head.part;
    this.heldBytes -= head.heldBytes;
  }

  /** A request was answered, and all of its reply is in the outbox. */
  private done(request: Request, replyBytes: number): void {
    const { command, readAtUs } = request;
    this.trafficBytes += replyBytes;
    if (this.meter !== null) this.meter.replied(replyBytes);
    if (command === null) return;
    const { host } = this;
    host.replyTimer.settled(command, readAtUs);
    if ((host.clock.nowUs - readAtUs) >>> 0 >= host.slowRequests.threshold) {
      host.slowRequests.add(host.poolName, this, command, request, replyBytes);
    }
    if (host.watch.isLargeReply(replyBytes)) noteLargeReply(host, request, command, replyBytes);
  }

  /** Writes the replies of all settled requests at the head of the queue. */
  private releaseSettled(): void {
    let head = this.pending.peek();
    while (head?.isSettled) {
      this.shift(head);
      const replyBytes = this.streamedBytes + head.heldBytes;
      if (!head.isSilent) this.release(head);
      this.done(head, replyBytes);
      head = this.pending.peek();
    }
    this.owner.onAnswered();
  }

  private release(request: Request): void {
    const bytes = request.heldBytes;
    request.releaseTo(this.outbox);
    if (bytes > 0) this.replied(bytes);
  }

  /** A reply went to the outbox, the last `bytes` of it just now. */
  private replied(bytes: number): void {
    const { stats } = this.host;
    stats.responses++;
    stats.responseBytes += bytes;
    this.expected.learn(bytes + this.streamedBytes);
    this.streamedBytes = 0;
    this.checkOutputLimit(bytes);
  }

  /** `bytes` of a reply came. */
  private checkOutputLimit(bytes: number): void {
    const { unsentBytes, host } = this;
    host.memory.grew(bytes);
    if (unsentBytes < host.limits.outputLimitBytes || this.socket.isDestroyed) return;
    host.stats.outputLimitCloses++;
    if (this.subscriptions?.isListening) host.stats.subscribersCut++;
    logCutOff(host, unsentBytes, this.heldBytes);
    this.owner.destroy();
  }
}
