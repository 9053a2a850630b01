import type { Account } from '../../accounts/account.ts';
import type { TurnTask } from '../../loop/turn.ts';
import type { Block } from '../../memory/block.ts';
import type { RequestParser, Session } from '../../protocol/protocol.ts';
import {
  FLAG_PAUSED_AS_WRITE,
  HOLD_ABORT,
  HOLD_REFUSE,
  ROUTE_LOCAL,
  ROUTE_PLACE,
  ROUTE_PRIVATE,
  ROUTE_UNKNOWN,
} from '../../protocol/routes.ts';
import type { Outbox } from '../../socket/outbox.ts';
import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { ClientHost } from '../client-host.ts';
import type { PoolPassage } from '../entrance/pool-passage.ts';
import { charge } from '../limits/charge.ts';
import type { ClientMeter } from '../limits/client-meter.ts';
import type { IntakeOwner } from './intake-owner.ts';
import { openWhole } from './open-whole.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ReplyQueue } from './reply-queue.ts';
import { RequestBacklog } from './request-backlog.ts';
import { type RequestConsumer, RequestInput } from './request-input.ts';

/** A client that lacks no more than this may hold it back until its last bytes are acknowledged (Nagle's algorithm). */
const SEGMENT_MAX_BYTES = 64 * 1024;

/*
 * What one client sends, from the socket to the router:
 *
 *   read ─▶ parse ─▶ route
 *     ▲       │
 *     │    partial request
 *     └── paused while the client has too much pending, or reads too little; at the end of a turn it is read on
 *           │
 *           ├─ it is over a limit: what it has sent waits, and it is not read (see limits/limiter.ts)
 *           ├─ the clients of the pool are paused (CLIENT PAUSE): read on into the backlog, up to client_buffer, to see it leave
 *           └─ it reads nothing at all: what it writes goes to the backlog, up to client_output_limit
 *
 * Many clients write all they have to ask before they read the first reply. While one of them is stuck in its write, and the
 * kernel takes no byte for it, only reading on gets both of us further; the servers are asked once it reads.
 */
export class ClientIntake implements RequestConsumer, TurnTask {
  private readonly session: Session;
  host: ClientHost;
  private readonly socket: StreamSocket;
  private readonly outbox: Outbox;
  private readonly replies: ReplyQueue;
  private readonly owner: IntakeOwner;
  private readonly input: RequestInput;
  /** Read, but not parsed while paused. */
  private readonly backlog = new RequestBacklog();
  private readonly readAhead: ReadAhead;
  private isPaused = false;
  private isResuming = false;
  /** The next request may write, and writes are paused. It is in the backlog, or, when it came in pieces, on its way there. */
  private hasHeldUp = false;
  /** What it is held to; null: nothing is limited. */
  private meter: ClientMeter | null = null;
  private account: Account | null;
  /** What comes from now on is not read: it said QUIT, or sent garbage, or we drain. */
  isStopped = false;
  private isDiscarded = false;
  /** It changed its variant, or gave a wrong password: what is pending has to be answered before more of it is read. */
  private isAwaitingReplies = false;
  private lastVariant: number;
  /** Between the pools of the port that it has come by; null: it stays where it is. */
  passage: PoolPassage | null = null;
  /** The servers are asked about the request that comes next; it is parsed again then. */
  private isAskingServers = false;
  /** When it connected, or something of it was last read, on the worker's clock. */
  activeAtMs: number;
  /** When something was last read; see `Clock.nowUs`. */
  private readAtUs = 0;

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
    this.account = session.account;
    this.input = new RequestInput(session, host, this);
    this.readAhead = new ReadAhead(this, socket, this.backlog, replies, owner);
    this.activeAtMs = host.clock.turnMs();
  }

  /** All that was read is with the router; perhaps but for the beginning of a request. */
  get isParsed(): boolean {
    return this.backlog.bytes === 0 && !this.passage?.isUnderway;
  }

  get isInsideRequest(): boolean {
    return this.input.isInsideRequest;
  }

  /** What is kept here: by the session, a request in pieces, and what was read too early. */
  get memoryBytes(): number {
    return this.session.keptBytes + this.input.heldBytes + this.backlog.heldBytes + (this.passage?.heldBytes ?? 0);
  }

  /** Nothing is pending, and no request is in pieces. */
  moveTo(host: ClientHost): void {
    this.host = host;
    this.input.moveTo(host);
  }

  /** What it has asked is answered before more of it is read: requests on their way to a server could overtake each other. */
  awaitReplies(): void {
    this.isAwaitingReplies = true;
  }

  /** It is on its way to another pool: nothing more is taken from it before it is there. */
  beginPassage(): void {
    this.awaitReplies();
    this.pause();
  }

  ask(request: Buffer): void {
    if (this.host.parser.parse(this.session, request, 0, request.length) < 0) this.onDisagreement();
    else this.onRequest(request, 0, request.length, null);
  }

  /** Takes what was read; where the next bytes are to go. See `SocketReader.onRead`. */
  take(buf: Buffer, length: number): Buffer | null {
    if (this.isStopped) return null;
    this.readAtUs = this.host.clock.turnUs();
    if (this.isPaused) {
      this.readAhead.take(buf, length);
      return null;
    }
    const position = this.read(buf, length);
    if (position < length || this.backlog.hasFirst) {
      this.backlog.append(buf, position, length);
      this.pause();
    }
    return this.input.nextBuffer();
  }

  /** There may be room for more: reads on at the end of the turn, not inside somebody's reply. */
  wake(): void {
    if (this.isPaused) this.resumeLater();
  }

  /** From now on what comes is thrown away. */
  stop(): void {
    this.isStopped = true;
    this.passage?.forget();
    this.backlog.clear();
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
    if (this.passage?.isUnderway) this.passage.proceed();
    if (this.isOverBounds()) {
      // What the outbox is about to write may be all that is over; then nobody else wakes us.
      if (this.outbox.isDue) this.resumeLater();
      return;
    }
    this.isPaused = false;
    const { backlog } = this;
    for (let chunk = backlog.take(); chunk !== null; chunk = backlog.take()) {
      const position = this.read(chunk, chunk.length);
      if (position === chunk.length && !backlog.hasFirst) continue;
      backlog.putBack(chunk.subarray(position));
      this.pause();
      return;
    }
    if (this.isPaused) return;
    // Also when nothing more is taken from it: else we would not see the client end its side.
    this.socket.resume();
    this.owner.onResumed();
  }

  get isFull(): boolean {
    return this.isStopped || this.backlog.hasFirst || this.isOverBounds();
  }

  onRequest(buf: Buffer, start: number, end: number, block: Block | null): void {
    const { host, session } = this;
    const { parser, requestBytes } = host;
    if (parser.route >= ROUTE_UNKNOWN) {
      const request = Buffer.from(buf.subarray(start, end));
      if (parser.route === ROUTE_UNKNOWN) {
        this.askServers(request);
        return;
      }
      // There may be a password in it.
      buf.fill(0, start, end);
      if (parser.route === ROUTE_PLACE) this.awaitPlace(request);
      else this.passage?.putOff(request);
      return;
    }
    const { rewritten } = parser;
    if (session.variant !== this.lastVariant) {
      this.lastVariant = session.variant;
      this.isAwaitingReplies = true;
    }
    host.stats.requests++;
    const { replies } = this;
    replies.note.begin(host.commands.of(parser.command), end - start, this.readAtUs);
    if (rewritten === null) requestBytes.set(buf, start, end, block);
    else requestBytes.set(rewritten, 0, parser.rewrittenEnd, parser.rewrittenBlock);
    if (parser.keyBuf !== null) requestBytes.keyBuf = parser.keyBuf;
    const keyCount = parser.route === ROUTE_LOCAL ? 0 : parser.keyCount;
    if (keyCount > 0 && host.keepsKeys) {
      replies.note.keepKey(host.keyTrail, requestBytes, parser.keyStarts[0] as number, parser.keyEnds[0] as number);
    }
    host.watch.onRequest(replies, parser, requestBytes, end - start, keyCount);
    requestBytes.cut(parser.cutStart, parser.cutEnd);
    // Whoever guesses passwords does so one after the other.
    const isSignIn = parser.route === ROUTE_LOCAL && parser.isSignIn;
    if (isSignIn && parser.isRefusedSignIn) this.isAwaitingReplies = true;
    if (this.meter === null || charge(this.meter, host, replies, end - start)) {
      if (host.audit.options !== null) host.audit.onRequest(host, session, replies);
      host.router.dispatch(replies, parser, requestBytes);
    }
    requestBytes.clear();
    // The password in it is nobody's any more.
    if (isSignIn) buf.fill(0, start, end);
    if (parser.route === ROUTE_LOCAL && (session.account !== this.account || session.places?.isKeeping))
      this.signedIn();
    if (replies.subscriptions !== null) replies.subscriptions.afterRequest();
  }

  onTransaction(buf: Buffer, start: number, end: number): boolean {
    const { host, replies } = this;
    // What of it writes may have to wait.
    if (replies.privateLane !== null || host.pause.isOfWrites) return false;
    openWhole(host, replies, this.session, this.meter, buf, start, end);
    return true;
  }

  get mayHoldUp(): boolean {
    return this.meter !== null || this.host.pause.isOfWrites;
  }

  isHeldUp({ route, hold, flags, command }: RequestParser): boolean {
    if (route === ROUTE_LOCAL || route >= ROUTE_UNKNOWN || this.replies.privateLane?.isGoingThrough) return false;
    if (route === ROUTE_PRIVATE && (hold === HOLD_REFUSE || hold === HOLD_ABORT)) return false;
    this.hasHeldUp = this.host.pause.isOfWrites && (flags & FLAG_PAUSED_AS_WRITE) !== 0;
    if (this.hasHeldUp || this.isLimited) return true;
    // One in pieces comes when it is whole, whether there is room for it or not.
    return this.meter !== null && (this.meter.holdsUp(command) || this.meter.mustWait());
  }

  /** From now on the client is held to this; null: to nothing. */
  setMeter(meter: ClientMeter | null): void {
    this.meter = meter;
    this.wake();
  }

  /** It waits because of a limit. */
  get isLimited(): boolean {
    return this.meter?.isWaiting === true;
  }

  onHeldUp(buf: Buffer, end: number): void {
    this.backlog.putFirst(Buffer.from(buf.subarray(0, end)));
  }

  onUnfinished(missingBytes: number): void {
    if (missingBytes < SEGMENT_MAX_BYTES) this.host.systemCalls?.quickAck(this.socket.descriptor);
  }

  onTooLarge(): void {
    this.replies.note.command = null;
    this.replies.answer(this.host.protocol.tooLargeReply, true);
  }

  onDisagreement(): void {
    this.host.log.error({ pool: this.host.poolName }, 'framer and parser disagree about a request');
    this.owner.destroy();
  }

  private signedIn(): void {
    this.account = this.session.account;
    this.owner.onSignedIn();
  }

  /** The position that it has to pause at, or `length`. */
  private read(chunk: Buffer, length: number): number {
    this.activeAtMs = this.host.clock.turnMs();
    const position = this.input.read(chunk, length);
    return this.isStopped ? length : position;
  }

  private isOverBounds(): boolean {
    const { replies } = this;
    if (this.isAskingServers || this.session.places?.isAwaiting) return true;
    if (this.isAwaitingReplies) {
      // Requests on two connections could overtake each other.
      if (replies.length > 0 || this.passage?.isUnderway) return true;
      this.isAwaitingReplies = false;
    }
    const { privateLane } = replies;
    if (privateLane !== null) {
      if (privateLane.isGoingThrough) return false;
      // Between the connections that clients share and one of its own, too.
      if (privateLane.isBusy) return true;
    }
    if (this.isHeld) return true;
    if (this.meter?.mustWait()) return true;
    if (replies.subscriptions?.isBusy) return true;
    const { limits } = this.host;
    if (replies.line?.isFull(limits, replies.length, replies.unsentBytes + replies.pendingBytes)) return true;
    const { maxPipeline, bufferBytes } = limits;
    if (replies.length >= maxPipeline || replies.unsentBytes + replies.pendingBytes >= bufferBytes) return true;
    return replies.isAwaitingEnough;
  }

  /** It is in a pause of the pool's clients. */
  get isHeld(): boolean {
    const { pause } = this.host;
    if (!pause.isOfWrites) this.hasHeldUp = false;
    return pause.isOfAll || this.hasHeldUp;
  }

  /** `request` goes before all else that was read. */
  private askServers(request: Buffer): void {
    this.backlog.putFirst(request);
    this.isAskingServers = true;
    this.host.askServers(() => {
      this.isAskingServers = false;
      this.wake();
    });
  }

  /** `request` signs the client in once there is a place for it; it goes before all else that was read. */
  private awaitPlace(request: Buffer): void {
    if (this.passage?.isUnderway) this.passage.askAgain(request);
    else this.backlog.putFirst(request);
  }

  private pause(): void {
    this.isPaused = true;
    this.readAhead.begin();
    // What is over the bounds may be gone when this turn has written: then nobody else wakes us.
    this.resumeLater();
  }

  /** Nothing more is parsed for now. */
  get isPausedStill(): boolean {
    return this.isPaused && !this.isStopped;
  }

  /** For a server, or for the end of a pause of clients: for long, perhaps. */
  get isWaiting(): boolean {
    const { privateLane, line } = this.replies;
    return privateLane?.isBlocking === true || line?.isBlocking === true || this.isHeld;
  }

  private resumeLater(): void {
    if (this.isResuming) return;
    this.isResuming = true;
    this.host.turn.defer(this);
  }
}
