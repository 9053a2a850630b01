import type { AccountFigures } from '../../accounts/account-figures.ts';
import { SIGN_IN_DONE } from '../../accounts/sign-in-places.ts';
import { expectedPeers } from '../../loop/expected-peers.ts';
import type { TurnTask } from '../../loop/turn.ts';
import type { MemoryHolder } from '../../memory/memory-ceiling.ts';
import type { ClientState, Session } from '../../protocol/protocol.ts';
import { Outbox, type OutboxOwner } from '../../socket/outbox.ts';
import type { SocketReader, StreamSocket } from '../../socket/stream-socket.ts';
import type { ClientOwner } from '../client-owner.ts';
import type { Arrival } from '../entrance/arrival.ts';
import { type MovingClient, PoolPassage } from '../entrance/pool-passage.ts';
import type { ClientSeat, Seated } from '../limits/client-seat.ts';
import type { PlacedClient } from '../limits/places.ts';
import type { PrivateLane } from '../request-origin.ts';
import type { LeavingClient } from './client-drain.ts';
import { ClientIntake } from './client-intake.ts';
import type { ClientFigures, ListedClient } from './client-roll.ts';
import type { IntakeOwner } from './intake-owner.ts';
import { ReplyQueue } from './reply-queue.ts';
import type { ReplyQueueOwner } from './reply-queue-owner.ts';

/** How long a client whose connection we end may take to end its side. */
const LINGER_MS = 2000;

/*
 * One client, from its first byte to its last:
 *
 *   socket ─▶ intake ─▶ router ─▶ … ─▶ reply queue ─▶ outbox ─▶ socket
 *
 *   open ─▶ the client ended its side, or nothing more is read from it ─▶ all is answered and sent ─▶ our FIN ─▶ its FIN ─▶ closed
 *     └──────────────────────────────── cut off ────────────────────────────────────────────────────────────────▶ closed
 *
 * One that has come by a port of several pools changes its host at moments when nothing is pending.
 */
export class ClientConnection
  implements
    SocketReader,
    OutboxOwner,
    IntakeOwner,
    ReplyQueueOwner,
    MemoryHolder,
    ListedClient,
    MovingClient,
    LeavingClient,
    Seated,
    PlacedClient,
    TurnTask
{
  /** Among the owner's clients; the owner's. */
  place = 0;
  readonly session: Session;
  host: ClientOwner;
  /** Null: it has come by the pool's own port. */
  readonly passage: PoolPassage | null;
  private readonly socket: StreamSocket;
  private readonly outbox: Outbox;
  private readonly replies: ReplyQueue;
  private readonly intake: ClientIntake;
  private seat: ClientSeat;
  /** Whose connection it counts as. */
  private countedBy: AccountFigures | null = null;
  /** The client sent its last byte. */
  private hasEnded = false;
  /** Nothing more is appended to the outbox. */
  private isEnding = false;
  private isLeaving = false;
  private isLeavingSoon = false;
  private lingerTimer: NodeJS.Timeout | null = null;
  private isClosed = false;
  readonly connectedAtMs: number;

  constructor(id: number, { socket, port, name, certificateNames }: Arrival, seat: ClientSeat, host: ClientOwner) {
    this.socket = socket;
    this.seat = seat;
    this.host = host;
    this.passage = port === null ? null : new PoolPassage(port, name, this);
    const session = host.protocol.createSession(id, socket);
    const { accounts } = host.parser;
    const shown = accounts?.ofCertificate(certificateNames) ?? null;
    if (shown !== null) host.audit.onCertificate(host.poolName, shown.name, socket.peer, SIGN_IN_DONE);
    const account = shown ?? accounts?.open ?? null;
    if (account !== null) session.signIn(account);
    this.session = session;
    this.sitDown(seat);
    session.port = this.passage;
    this.outbox = new Outbox(socket, host.turn, this);
    this.replies = new ReplyQueue(session, host, socket, this.outbox, this);
    this.intake = new ClientIntake(session, host, socket, this.outbox, this.replies, this);
    this.intake.passage = this.passage;
    this.connectedAtMs = host.clock.turnMs();
    this.isIn();
    socket.start(this);
  }

  private isIn(): void {
    const { stats } = this.host;
    stats.clientConnections++;
    stats.clientConnectionsTotal++;
    this.host.addClient(this);
    this.countIn();
  }

  private isOut(): void {
    this.host.stats.clientConnections--;
    this.countedBy?.changeConnections(-1);
    this.countedBy = null;
    this.seat.leave();
    this.host.removeClient(this);
  }

  private sitDown(seat: ClientSeat): void {
    this.seat = seat;
    this.session.places = seat;
    seat.take(this);
  }

  /** `seat`: in the pool of that host. */
  moveTo(host: ClientOwner, seat: ClientSeat): void {
    this.isOut();
    this.host = host;
    this.sitDown(seat);
    this.replies.moveTo(host);
    this.intake.moveTo(host);
    this.isIn();
  }

  get isGone(): boolean {
    return this.socket.isDestroyed || this.isEnding;
  }

  get isFree(): boolean {
    const { privateLane, subscriptions, length, line } = this.replies;
    return length === 0 && line === null && !privateLane?.isBusy && !subscriptions?.isBusy && !this.seat.isAwaiting;
  }

  get isHeld(): boolean {
    return this.intake.isHeld;
  }

  ask(request: Buffer): void {
    this.intake.ask(request);
  }

  get isBound(): boolean {
    const { privateLane, subscriptions } = this.replies;
    return privateLane !== null || subscriptions?.isListening === true;
  }

  beginPassage(): void {
    this.intake.beginPassage();
  }

  turnAway(words: Buffer): void {
    this.replies.note.command = null;
    this.replies.answer(words, true);
  }

  isQuiet(sinceMs: number): boolean {
    const { intake } = this;
    return this.isAnswered && !intake.isInsideRequest && intake.activeAtMs <= sinceMs;
  }

  get isSilent(): boolean {
    return this.intake.activeAtMs === this.connectedAtMs && !this.intake.isInsideRequest;
  }

  /** Nothing is owed to it, and it has sent nothing since `sinceMs`; it may have stopped inside a request. */
  isIdle(sinceMs: number): boolean {
    const isOwedNothing = this.isAnswered && this.outbox.unsentBytes === 0 && !this.isEnding;
    // Who listens has no need to speak.
    return isOwedNothing && !this.replies.subscriptions?.isListening && this.intake.activeAtMs <= sinceMs;
  }

  /**
   * What is held for it: what its session keeps, a request in pieces, what was read too early, replies that wait for others or
   * for it to read.
   * Requests that servers have not taken are counted there.
   */
  get memoryBytes(): number {
    return this.socket.isDestroyed ? 0 : this.intake.memoryBytes + this.replies.memoryBytes;
  }

  get privateLane(): PrivateLane | null {
    return this.replies.privateLane;
  }

  shed(): void {
    this.host.stats.memorySheds++;
    this.destroy();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { pool: this.host.poolName, client: this.socket.peer };
  }

  state(): ClientState {
    const { intake, replies, host } = this;
    return {
      idleMs: Math.max(0, host.clock.turnMs() - intake.activeAtMs),
      isBlocked:
        (replies.privateLane?.isBlocking === true && replies.length > 0) || (intake.isHeld && !intake.isParsed),
      command: replies.note.command?.name ?? '',
      unsentBytes: replies.unsentBytes,
      memoryBytes: this.memoryBytes,
    };
  }

  get address(): string {
    return this.replies.address;
  }

  figures(): ClientFigures {
    const { intake, replies, host } = this;
    const nowMs = host.clock.turnMs();
    return {
      ageMs: Math.round(nowMs - this.connectedAtMs),
      idleMs: Math.max(0, Math.round(nowMs - intake.activeAtMs)),
      pendingRequests: replies.length,
      pendingBytes: replies.pendingBytes + replies.unsentBytes,
      requests: replies.askedRequests,
      isLimited: intake.isLimited,
    };
  }

  /** Of one that waits at a server nothing is lost that the server gives it just now. */
  kill(isAsker: boolean): void {
    this.stopReading();
    if (isAsker || this.replies.privateLane?.interrupt()) this.closeWhenDone();
    else this.destroy();
  }

  unblock(isError: boolean, then: (wasBlocked: boolean) => void): void {
    const { privateLane } = this.replies;
    if (privateLane === null) then(false);
    else privateLane.unblock(isError, then);
  }

  /** From its next request on it is held to the limits that the pool has by now, as whom it is by now; and waits among its like. */
  limit(): void {
    const { tenants } = this.host;
    const user = this.session.account?.name ?? null;
    const meter = tenants.meter(this.socket.peer, user, () => this.intake.wake());
    const line = tenants.line(user, meter);
    this.socket.standIn(line);
    this.outbox.line = line;
    if (this.replies.tenant !== line) this.intake.awaitReplies();
    this.replies.tenant = line;
    this.replies.setMeter(meter);
    this.intake.setMeter(meter);
  }

  countIn(): void {
    const { account } = this.session;
    this.seat.countAs(account?.name ?? null);
    const figures = account?.figures ?? null;
    if (figures === this.countedBy) return;
    this.countedBy?.changeConnections(-1);
    figures?.changeConnections(1);
    this.countedBy = figures;
  }

  /** Requests that waited may go on. */
  wake(): void {
    this.intake.wake();
  }

  leaveWhenAnswered(): void {
    this.isLeaving = true;
  }

  /** What else was read in the turn of the last answer is answered before it goes. */
  endTurn(): void {
    this.isLeavingSoon = false;
    if (this.isAnswered && !this.intake.isInsideRequest && this.replies.privateLane === null) this.drain();
  }

  /** Ends the connection as soon as all pending requests are answered; takes no new ones. */
  drain(): void {
    this.stopReading();
    this.replies.privateLane?.interrupt();
    this.closeWhenDone();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.replies.subscriptions?.abandon();
    this.socket.destroy();
    this.intake.discard();
  }

  stopReading(): void {
    this.intake.stop();
  }

  /** What is unsent still leaves. */
  closeWhenDone(): void {
    if (!this.isAnswered || this.isClosed || this.isEnding) return;
    this.isEnding = true;
    this.replies.subscriptions?.abandon();
    this.outbox.close();
  }

  onAnswered(): void {
    this.replies.privateLane?.onAnswered();
    this.replies.line?.onAnswered();
    this.replies.subscriptions?.onAnswered();
    this.intake.wake();
    if (this.replies.length > 0) return;
    if (this.hasEnded || this.intake.isStopped) this.closeWhenDone();
    else if (this.isLeaving && !this.isLeavingSoon) {
      this.isLeavingSoon = true;
      this.host.turn.defer(this);
    }
  }

  onSignedIn(): void {
    this.countIn();
    this.limit();
  }

  onResumed(): void {
    if (this.hasEnded) this.closeWhenDone();
  }

  onWritten(): void {}

  /** The kernel took what the outbox had. */
  onDrained(): void {
    this.intake.wake();
  }

  onRead(buf: Buffer, length: number): Buffer | null {
    const { host } = this;
    expectedPeers.came();
    host.stats.requestBytes += length;
    host.memory.grew(length);
    return this.intake.take(buf, length);
  }

  onEnd(): void {
    this.hasEnded = true;
    this.host.stats.clientEof++;
    // We were waiting for this only.
    if (this.lingerTimer !== null) this.socket.destroy();
    // What the server may yet give it would be lost.
    else if (this.replies.privateLane?.isBlocking || this.replies.line?.isBlocking) this.destroy();
    // What waits of it in a pause is done for nobody.
    else if (this.intake.isHeld && !this.intake.isParsed) this.destroy();
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
    this.intake.discard();
    this.outbox.discard();
    this.replies.abandon();
    this.isOut();
  }

  private get isAnswered(): boolean {
    return this.replies.length === 0 && this.replies.line === null && this.intake.isParsed;
  }
}
