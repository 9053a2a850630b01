import type { PoolStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import { peerCame } from '../loop/rounds.ts';
import type { Turn, TurnTask } from '../loop/turn.ts';
import type { Block } from '../memory/block.ts';
import { Fifo } from '../memory/fifo.ts';
import type { MemoryCeiling, MemoryHolder } from '../memory/memory-ceiling.ts';
import type { Framer, Protocol, RequestParser, Session } from '../protocol/protocol.ts';
import type { FailureReason } from '../request/failure.ts';
import { Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import { Outbox, type OutboxOwner } from '../socket/outbox.ts';
import type { SocketReader, StreamSocket } from '../socket/stream-socket.ts';
import type { Log } from '../system/log.ts';
import type { SystemCalls } from '../system/system-calls.ts';
import { type RequestConsumer, RequestInput } from './request-input.ts';
import type { RequestOrigin, Router } from './router.ts';

/** The bounds of one client; sizes in bytes. */
export interface ClientLimits {
  readonly maxRequestBytes: number;
  /** Pending requests above which we stop reading from the client. */
  readonly maxPipeline: number;
  /** Unsent replies and unanswered requests above which we stop reading from it. */
  readonly bufferBytes: number;
  /** Unsent replies, those included that wait for their turn, above which it is cut off. */
  readonly outputLimitBytes: number;
}

/** What the clients of one pool share in a worker. */
export interface ClientHost {
  readonly poolName: string;
  readonly stats: PoolStats;
  readonly protocol: Protocol;
  readonly parser: RequestParser;
  readonly router: Router;
  /** Of the request that is being dispatched, whosever it is. */
  readonly requestBytes: RequestBytes;
  readonly limits: ClientLimits;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  readonly memory: MemoryCeiling;
  /** A client that waits for our ACK before it sends the rest of a request gets it at once. */
  readonly systemCalls: SystemCalls | null;
  createFramer(session: Session): Framer;
  removeClient(client: ClientConnection): void;
}

/** A reply is passed on before it is complete once this much of it is there. */
const STREAM_THRESHOLD_BYTES = 64 * 1024;
/** A client that lacks no more than this may hold it back until its last bytes are acknowledged (Nagle's algorithm). */
const SEGMENT_MAX_BYTES = 64 * 1024;
/** What a request costs beside its bytes while it is pending. */
const PENDING_BYTES = 256;
/** How long a client whose connection we end may take to end its side. */
const LINGER_MS = 2000;

/*
 * One client: its requests in, their replies out in the same order.
 *
 *   read ─▶ parse ─▶ route ─▶ pending ◀─ replies, in any order over the servers
 *     ▲       │                  │
 *     │    partial request       └─ the head is settled ─▶ outbox ─▶ one write at the end of the turn
 *     └── paused while the client has too much pending, or reads too little
 */
export class ClientConnection
  implements RequestOrigin, RequestConsumer, SocketReader, OutboxOwner, TurnTask, MemoryHolder
{
  readonly id: number;
  /** Among the host's clients; the host's. */
  place = 0;
  private readonly host: ClientHost;
  private readonly socket: StreamSocket;
  private readonly session: Session;
  private readonly outbox: Outbox;
  private readonly pending = new Fifo<Request>();
  private readonly input: RequestInput;
  /** Read, but not parsed while paused. */
  private unparsed: Buffer | null = null;
  /** Bytes of the pending requests, and of the one that is being dispatched. */
  private pendingBytes = 0;
  private dispatchBytes = 0;
  /** Bytes of replies that are not in the outbox yet because it is not their turn. */
  private heldBytes = 0;
  private isPaused = false;
  /** It changed its variant: what is pending has to be answered before more of it is read. */
  private isChangingVariant = false;
  private lastVariant: number;
  private isResuming = false;
  /** The client sent its last byte. */
  private hasEnded = false;
  /** What it sends from now on is not read: it said QUIT, or sent garbage, or we drain. */
  private isClosing = false;
  private isEnding = false;
  private lingerTimer: NodeJS.Timeout | null = null;
  private isClosed = false;
  /** When it connected, or something of it was last read, on the worker's clock. */
  private activeAtMs: number;

  constructor(id: number, socket: StreamSocket, host: ClientHost) {
    this.id = id;
    this.socket = socket;
    this.host = host;
    this.activeAtMs = host.clock.turnMs();
    this.session = host.protocol.createSession(id);
    this.lastVariant = this.session.variant;
    this.input = new RequestInput(this.session, host, this);
    this.outbox = new Outbox(socket, host.turn, this);
    const { stats } = host;
    stats.clientConnections++;
    stats.clientConnectionsTotal++;
    socket.start(this);
  }

  get variant(): number {
    return this.session.variant;
  }

  /** It has its answers, and has sent nothing since `sinceMs` on the worker's clock. */
  isQuiet(sinceMs: number): boolean {
    const isAnswered = this.pending.length === 0 && !this.input.isInsideRequest && this.unparsed === null;
    return isAnswered && this.activeAtMs <= sinceMs;
  }

  /** Nothing is owed to it, and it has sent nothing since `sinceMs`; it may have stopped inside a request. */
  isIdle(sinceMs: number): boolean {
    const isOwedNothing = this.pending.length === 0 && this.unparsed === null && this.outbox.unsentBytes === 0;
    return isOwedNothing && this.activeAtMs <= sinceMs;
  }

  /**
   * What is held for it: what its session keeps, a request in pieces, what was read too early, replies that wait for others or for it to read.
   * Requests that servers have not taken are counted there.
   */
  get memoryBytes(): number {
    if (this.socket.isDestroyed) return 0;
    const unparsed = this.unparsed === null ? 0 : this.unparsed.buffer.byteLength;
    return (
      this.session.keptBytes + this.input.heldBytes + unparsed + this.unsentBytes + this.pending.length * PENDING_BYTES
    );
  }

  shed(): void {
    this.host.stats.memorySheds++;
    this.destroy();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { pool: this.host.poolName, client: this.socket.peer };
  }

  /** Ends the connection as soon as all pending requests are answered; takes no new ones. */
  drain(): void {
    this.stopReading();
    this.closeWhenDone();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
    this.input.discard();
    this.stopReading();
  }

  enqueue(request: Request): void {
    request.originBytes = this.dispatchBytes;
    this.pendingBytes += this.dispatchBytes;
    this.pending.push(request);
  }

  answer(bytes: Buffer, closesClient: boolean): void {
    if (closesClient) this.stopReading();
    if (bytes.length === 0) {
      if (closesClient) this.closeWhenDone();
      return;
    }
    if (this.pending.length === 0) {
      this.outbox.appendOwned(bytes);
      this.replied(bytes.length);
      if (closesClient) this.closeWhenDone();
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
      this.outbox.append(buf, start, end, block);
      this.replied(end - start);
      this.shift(request);
      if (this.pending.length > 0) this.releaseSettled();
      else this.queueEmptied();
      return;
    }
    if (request.isStreaming && !isLast) {
      this.outbox.append(buf, start, end, block);
      this.host.stats.responseBytes += end - start;
      this.checkOutputLimit(end - start);
      return;
    }
    request.hold(buf, start, end, block);
    this.heldBytes += end - start;
    if (isLast) {
      this.settle(request, isHead);
    } else if (isHead && request.heldBytes >= STREAM_THRESHOLD_BYTES) {
      request.isStreaming = true;
      this.host.stats.responseBytes += request.heldBytes;
      this.heldBytes -= request.heldBytes;
      request.releaseTo(this.outbox);
    }
    this.checkOutputLimit(end - start);
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
    this.host.stats.forwardError++;
    if (request.isStreaming) {
      // Half of the reply is with the client already; only a closed connection tells it that the rest won't come.
      this.destroy();
      return;
    }
    this.heldBytes -= request.heldBytes;
    request.dropHeld();
    request.holdOwned(this.host.protocol.failureReply(reason));
    this.heldBytes += request.heldBytes;
    this.settle(request, request === this.pending.peek());
  }

  endTurn(): void {
    this.isResuming = false;
    if (this.isClosed || !this.isPaused) return;
    if (this.isOverBounds()) {
      // What the outbox is about to write may be all that is over; then nobody else wakes us.
      if (this.outbox.isDue) this.resumeLater();
      return;
    }
    this.isPaused = false;
    const { unparsed } = this;
    this.unparsed = null;
    if (unparsed !== null) {
      const position = this.read(unparsed, unparsed.length);
      if (position < unparsed.length) {
        this.pause(unparsed.subarray(position));
        return;
      }
    }
    // Also when nothing more is taken from it: else we would not see the client end its side.
    this.socket.resume();
    if (this.hasEnded) this.closeWhenDone();
  }

  get isFull(): boolean {
    return this.isClosing || this.isOverBounds();
  }

  onRequest(buf: Buffer, start: number, end: number, block: Block | null): void {
    const { host } = this;
    const { rewritten } = host.parser;
    if (this.session.variant !== this.lastVariant) {
      this.lastVariant = this.session.variant;
      this.isChangingVariant = true;
    }
    host.stats.requests++;
    this.dispatchBytes = end - start;
    const { parser, requestBytes } = host;
    if (rewritten === null) requestBytes.set(buf, start, end, block);
    else requestBytes.set(rewritten, 0, rewritten.length, null);
    requestBytes.cut(parser.cutStart, parser.cutEnd);
    host.router.dispatch(this, parser, requestBytes);
    requestBytes.clear();
  }

  onUnfinished(missingBytes: number): void {
    if (missingBytes < SEGMENT_MAX_BYTES) this.host.systemCalls?.quickAck(this.socket.descriptor);
  }

  onTooLarge(): void {
    this.answer(this.host.protocol.tooLargeReply, true);
  }

  onDisagreement(): void {
    this.host.log.error({ pool: this.host.poolName }, 'framer and parser disagree about a request');
    this.destroy();
  }

  /** The kernel took what the outbox had. */
  onDrained(): void {
    if (this.isPaused) this.resumeLater();
  }

  onRead(buf: Buffer, length: number): Buffer | null {
    const { host } = this;
    peerCame();
    host.stats.requestBytes += length;
    host.memory.grew(length);
    if (this.isClosing) return null;
    if (this.isPaused) {
      this.stash(Buffer.from(buf.subarray(0, length)));
      return null;
    }
    const position = this.read(buf, length);
    if (position < length) this.pause(Buffer.from(buf.subarray(position, length)));
    return this.input.nextBuffer();
  }

  onEnd(): void {
    this.hasEnded = true;
    this.host.stats.clientEof++;
    // We were waiting for this only.
    if (this.lingerTimer !== null) this.socket.destroy();
    else this.closeWhenDone();
  }

  onTaken(): void {
    this.outbox.taken();
  }

  /** We said our last word. A client that does not end its side is cut off. */
  onAllSent(): void {
    if (this.hasEnded) {
      this.socket.destroy();
      return;
    }
    this.socket.end();
    this.lingerTimer = setTimeout(() => this.destroy(), LINGER_MS);
    this.lingerTimer.unref();
  }

  onClosed(errorCode: string | null): void {
    this.isClosed = true;
    if (errorCode !== null) this.host.stats.clientErr++;
    if (this.lingerTimer !== null) clearTimeout(this.lingerTimer);
    this.input.discard();
    this.outbox.discard();
    for (let i = 0; i < this.pending.length; i++) {
      const request = this.pending.at(i);
      request.sink = null;
      request.dropHeld();
    }
    this.host.stats.clientConnections--;
    this.host.removeClient(this);
  }

  /** The position that it has to pause at, or `length`. */
  private read(chunk: Buffer, length: number): number {
    this.activeAtMs = this.host.clock.turnMs();
    const position = this.input.read(chunk, length);
    return this.isClosing ? length : position;
  }

  /** A reply or a piece of one went to the outbox. */
  private replied(bytes: number): void {
    const { stats } = this.host;
    stats.responses++;
    stats.responseBytes += bytes;
    this.checkOutputLimit(bytes);
  }

  private settle(request: Request, isHead: boolean): void {
    request.isSettled = true;
    if (isHead) this.releaseSettled();
  }

  private shift(head: Request): void {
    this.pending.shift();
    this.pendingBytes -= head.originBytes;
    this.heldBytes -= head.heldBytes;
  }

  /** Writes the replies of all settled requests at the head of the queue. */
  private releaseSettled(): void {
    let head = this.pending.peek();
    while (head?.isSettled) {
      this.shift(head);
      if (!head.isSilent) this.release(head);
      head = this.pending.peek();
    }
    if (head === undefined) this.queueEmptied();
    else if (this.isPaused) this.resumeLater();
  }

  private release(request: Request): void {
    const bytes = request.heldBytes;
    request.releaseTo(this.outbox);
    this.replied(bytes);
  }

  private queueEmptied(): void {
    if (this.isPaused) this.resumeLater();
    if (this.isClosing || this.hasEnded) this.closeWhenDone();
  }

  private get unsentBytes(): number {
    return this.outbox.unsentBytes + this.heldBytes;
  }

  private isOverBounds(): boolean {
    if (this.isChangingVariant) {
      // Requests on two connections could overtake each other.
      if (this.pending.length > 0) return true;
      this.isChangingVariant = false;
    }
    const { maxPipeline, bufferBytes } = this.host.limits;
    return this.pending.length >= maxPipeline || this.unsentBytes + this.pendingBytes >= bufferBytes;
  }

  /** `rest` is what it can't take now; nobody else has it. */
  private pause(rest: Buffer): void {
    this.isPaused = true;
    this.socket.pause();
    this.stash(rest);
    // What is over the bounds may be gone when this turn has written: then nobody else wakes us.
    this.resumeLater();
  }

  private stash(rest: Buffer): void {
    this.unparsed = this.unparsed === null ? rest : Buffer.concat([this.unparsed, rest]);
  }

  /** Reads on at the end of the turn, not inside somebody's reply. */
  private resumeLater(): void {
    if (this.isResuming) return;
    this.isResuming = true;
    this.host.turn.defer(this);
  }

  /** `bytes` of a reply came. */
  private checkOutputLimit(bytes: number): void {
    const { unsentBytes } = this;
    this.host.memory.grew(bytes);
    if (unsentBytes < this.host.limits.outputLimitBytes || this.socket.isDestroyed) return;
    this.host.stats.outputLimitCloses++;
    this.host.log.warn(
      { pool: this.host.poolName, unsentBytes, heldBytes: this.heldBytes },
      'client cut off: the replies that it has not read grew over client_output_limit',
    );
    this.destroy();
  }

  /** From now on what comes is thrown away. */
  private stopReading(): void {
    this.isClosing = true;
    this.unparsed = null;
    this.input.forget();
  }

  /** Ends the connection when nothing is pending; what is unsent still leaves. */
  private closeWhenDone(): void {
    if (this.pending.length > 0 || this.unparsed !== null || this.isClosed || this.isEnding) return;
    this.isEnding = true;
    this.outbox.close();
  }
}
