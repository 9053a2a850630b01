import type { TurnTask } from '../loop/turn.ts';
import type { Block } from '../memory/block.ts';
import type { Session } from '../protocol/protocol.ts';
import type { Outbox } from '../socket/outbox.ts';
import type { StreamSocket } from '../socket/stream-socket.ts';
import type { ClientHost } from './client-host.ts';
import type { ReplyQueue } from './reply-queue.ts';
import { type RequestConsumer, RequestInput } from './request-input.ts';

/** The client that is read from. */
export interface IntakeOwner {
  /** It takes requests again after a pause. */
  onResumed(): void;
  /** Cuts the connection. */
  destroy(): void;
}

/** A client that lacks no more than this may hold it back until its last bytes are acknowledged (Nagle's algorithm). */
const SEGMENT_MAX_BYTES = 64 * 1024;

/*
 * What one client sends, from the socket to the router:
 *
 *   read ─▶ parse ─▶ route
 *     ▲       │
 *     │    partial request
 *     └── paused while the client has too much pending, or reads too little; at the end of a turn it is read on
 */
export class ClientIntake implements RequestConsumer, TurnTask {
  private readonly session: Session;
  private readonly host: ClientHost;
  private readonly socket: StreamSocket;
  private readonly outbox: Outbox;
  private readonly replies: ReplyQueue;
  private readonly owner: IntakeOwner;
  private readonly input: RequestInput;
  /** Read, but not parsed while paused. */
  private unparsed: Buffer | null = null;
  private isPaused = false;
  private isResuming = false;
  /** What comes from now on is not read: it said QUIT, or sent garbage, or we drain. */
  isStopped = false;
  private isDiscarded = false;
  /** It changed its variant: what is pending has to be answered before more of it is read. */
  private isChangingVariant = false;
  private lastVariant: number;
  /** When it connected, or something of it was last read, on the worker's clock. */
  activeAtMs: number;

  constructor(
    session: Session,
    host: ClientHost,
    socket: StreamSocket,
    outbox: Outbox,
    replies: ReplyQueue,
    owner: IntakeOwner,
  ) {
    this.session = session;
    this.host = host;
    this.socket = socket;
    this.outbox = outbox;
    this.replies = replies;
    this.owner = owner;
    this.lastVariant = session.variant;
    this.input = new RequestInput(session, host, this);
    this.activeAtMs = host.clock.turnMs();
  }

  /** All that was read is with the router; perhaps but for the beginning of a request. */
  get isParsed(): boolean {
    return this.unparsed === null;
  }

  get isInsideRequest(): boolean {
    return this.input.isInsideRequest;
  }

  /** What is kept here: by the session, a request in pieces, and what was read too early. */
  get memoryBytes(): number {
    const unparsed = this.unparsed === null ? 0 : this.unparsed.buffer.byteLength;
    return this.session.keptBytes + this.input.heldBytes + unparsed;
  }

  /** Takes what was read; where the next bytes are to go. See `SocketReader.onRead`. */
  take(buf: Buffer, length: number): Buffer | null {
    if (this.isStopped) return null;
    if (this.isPaused) {
      this.stash(Buffer.from(buf.subarray(0, length)));
      return null;
    }
    const position = this.read(buf, length);
    if (position < length) this.pause(Buffer.from(buf.subarray(position, length)));
    return this.input.nextBuffer();
  }

  /** There may be room for more: reads on at the end of the turn, not inside somebody's reply. */
  wake(): void {
    if (this.isPaused) this.resumeLater();
  }

  /** From now on what comes is thrown away. */
  stop(): void {
    this.isStopped = true;
    this.unparsed = null;
    this.input.forget();
  }

  /** The socket is destroyed and reads no more. */
  discard(): void {
    this.isDiscarded = true;
    this.input.discard();
    this.stop();
  }

  endTurn(): void {
    this.isResuming = false;
    if (this.isDiscarded || !this.isPaused) return;
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
    this.owner.onResumed();
  }

  get isFull(): boolean {
    return this.isStopped || this.isOverBounds();
  }

  onRequest(buf: Buffer, start: number, end: number, block: Block | null): void {
    const { host, session } = this;
    const { parser, requestBytes } = host;
    const { rewritten } = parser;
    if (session.variant !== this.lastVariant) {
      this.lastVariant = session.variant;
      this.isChangingVariant = true;
    }
    host.stats.requests++;
    this.replies.dispatchBytes = end - start;
    if (rewritten === null) requestBytes.set(buf, start, end, block);
    else requestBytes.set(rewritten, 0, rewritten.length, null);
    requestBytes.cut(parser.cutStart, parser.cutEnd);
    host.router.dispatch(this.replies, parser, requestBytes);
    requestBytes.clear();
  }

  onUnfinished(missingBytes: number): void {
    if (missingBytes < SEGMENT_MAX_BYTES) this.host.systemCalls?.quickAck(this.socket.descriptor);
  }

  onTooLarge(): void {
    this.replies.answer(this.host.protocol.tooLargeReply, true);
  }

  onDisagreement(): void {
    this.host.log.error({ pool: this.host.poolName }, 'framer and parser disagree about a request');
    this.owner.destroy();
  }

  /** The position that it has to pause at, or `length`. */
  private read(chunk: Buffer, length: number): number {
    this.activeAtMs = this.host.clock.turnMs();
    const position = this.input.read(chunk, length);
    return this.isStopped ? length : position;
  }

  private isOverBounds(): boolean {
    const { replies } = this;
    if (this.isChangingVariant) {
      // Requests on two connections could overtake each other.
      if (replies.length > 0) return true;
      this.isChangingVariant = false;
    }
    const { maxPipeline, bufferBytes } = this.host.limits;
    return replies.length >= maxPipeline || replies.unsentBytes + replies.pendingBytes >= bufferBytes;
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

  private resumeLater(): void {
    if (this.isResuming) return;
    this.isResuming = true;
    this.host.turn.defer(this);
  }
}
