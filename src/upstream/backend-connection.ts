import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Block } from '../memory/block.ts';
import type { MemoryHolder } from '../memory/memory-ceiling.ts';
import type { ControlRequest } from '../protocol/control-request.ts';
import type { ReplyScanner } from '../protocol/protocol.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { ReadyLine } from '../socket/ready-lines.ts';
import { DOWN_SILENCE_MAX_MS } from './backend-options.ts';
import type { ConnectionOwner } from './connection-host.ts';
import { FairStream } from './fair-stream.ts';
import { Reconnects } from './reconnects.ts';
import { type ReplyStreamOwner, STREAM_ENDED, STREAM_READ, STREAM_UNASKED } from './reply-stream.ts';
import { type LinkUser, ServerLink } from './server-link.ts';
import { Welcome } from './welcome.ts';

/*
 * One persistent connection to a server, shared by all clients of a worker.
 *
 *            first request                connected, handshake done
 *   idle ──────────────────▶ connecting ────────────────────────────▶ ready
 *    ▲                           │ refused, too slow                   │ closed, overdue, garbage
 *    └───────────────────────────┼─────────────────────────────────────┤ (closed while in order: idle)
 *                                ▼                                     ▼
 *                              down ── back-off with jitter, then a new link ──▶ …
 *
 * Requests that arrive while it connects for the first time wait; while it is down they fail at once, also during
 * the attempts, because a server that is down may take long to say so.
 */
const IDLE = 0;
const CONNECTING = 1;
const READY = 2;
const DOWN = 3; // Below, it takes requests.
const CLOSED = 4;

/** What a request costs beside its bytes while it is inflight, whether its client is still there or not. */
const INFLIGHT_BYTES = 256;
/** A reply that is so many timeouts late holds up all behind it. */
const CLOGGED_TIMEOUTS = 2;

export class BackendConnection implements LinkUser, MemoryHolder, ReplyStreamOwner {
  /** Of the backend: what was sent on a connection of an earlier one is answered before anything leaves on this. */
  readonly generation: number;
  readonly variant: number;
  readonly server: ConnectionOwner<BackendConnection>;
  readonly stats: BackendStats;
  readonly clock: Clock;
  private readonly handshake: readonly ControlRequest[];
  private readonly scanner: ReplyScanner;
  private state = IDLE;
  private link: ServerLink | null = null;
  readonly stream: FairStream;
  /** While down: why, for the requests that fail at once. */
  private downReason: FailureReason = 'connection_refused';
  private readonly reconnects = new Reconnects(() => this.open());
  /** Its handshake finds out which kinds of replies the server can give. */
  private readonly isDemanding: boolean;
  /** Replies of a higher kind are not asked for on this connection. */
  private highestReplyKind: number;
  private isProbing = false;
  private isRetiring = false;
  /** Nothing leaves before `release`. */
  isHeld = true;
  /** The link would be ready, were it not held. */
  private isLinkReady = false;
  private readonly welcome = new Welcome();

  constructor(backend: ConnectionOwner<BackendConnection>, variant: number, generation: number, isDemanding: boolean) {
    const { protocol, credentials, db, isReadAsReplica = false } = backend.options;
    this.server = backend;
    this.stats = backend.stats;
    this.clock = backend.clock;
    this.variant = variant;
    this.generation = generation;
    this.isDemanding = isDemanding;
    // Before the server has told, more than is plain waits until it has.
    this.highestReplyKind = isDemanding ? Number.MAX_SAFE_INTEGER : protocol.plainReplyKind;
    this.handshake = protocol.handshake({ credentials, db, variant, isDemanding, isReadAsReplica });
    this.scanner = protocol.createReplyScanner();
    this.stream = new FairStream(this, this.scanner);
  }

  /** What was sent on earlier connections is answered. */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    if (this.isLinkReady) this.ready();
  }

  answered(scanner: ReplyScanner): void {
    const { isError } = scanner;
    if (!isError && !this.welcome.hasServed) this.reconnects.succeeded();
    this.welcome.answered(isError);
    this.server.answered(isError, this.welcome.hasServed);
    if (isError && scanner.isOutOfService) this.server.outOfService();
  }

  fail(request: Request, reason: FailureReason): void {
    this.server.fail(request, reason);
  }

  /** Why requests fail at once; null: they don't. */
  get whyDown(): FailureReason | null {
    return this.state === DOWN ? this.downReason : null;
  }

  /** Nothing here has a deadline. */
  get isAsleep(): boolean {
    return this.stream.length === 0 && (this.link === null || this.isLinkReady);
  }

  /** Adds what is queued here to the gauges. */
  measure(stats: BackendStats): void {
    const { length, waiting, inflightBytes } = this.stream;
    const sent = this.state === READY ? length - waiting : 0;
    stats.outQueue += sent;
    stats.inQueue += length - sent;
    stats.inQueueBytes += this.unsentBytes;
    stats.outQueueBytes += inflightBytes;
  }

  /** Requests that the server has not taken, and what each costs beside its bytes until it is answered. */
  get memoryBytes(): number {
    return this.unsentBytes + this.stream.length * INFLIGHT_BYTES;
  }

  private get unsentBytes(): number {
    return this.link === null ? 0 : this.link.outbox.unsentBytes + this.stream.heldBytes;
  }

  /**
   * Sends `bytes`, valid during the call only: now, or when the tenant of `line` has its turn; null: nobody's, now. May fail at once.
   */
  send(request: Request, bytes: RequestBytes, line: ReadyLine | null): void {
    if (request.replyKind > this.highestReplyKind && !this.isDemanding && this.state < DOWN) {
      this.server.demand(this).send(request, bytes, line);
      return;
    }
    if (this.state === IDLE) this.open();
    const { link } = this;
    if (link === null || this.state === DOWN || this.state === CLOSED) {
      this.reconnects.wanted();
      this.server.fail(request, this.state === CLOSED ? 'no_backend' : this.downReason);
      return;
    }
    if (request.replyKind > this.highestReplyKind) {
      this.server.fail(request, 'server_version');
      return;
    }
    const { options, stats } = this.server;
    if (this.stream.length >= options.maxInflight || this.unsentBytes >= options.outputLimitBytes) {
      this.server.fail(request, 'overloaded');
      return;
    }
    stats.requests++;
    stats.requestBytes += bytes.sizeBytes;
    this.stream.send(request, bytes, line, link.outbox);
  }

  /** So many requests of so many bytes in all, sent now, are not refused for want of room. */
  hasRoomFor(requests: number, bytes: number): boolean {
    const { maxInflight, outputLimitBytes } = this.server.options;
    return this.stream.length + requests <= maxInflight && this.unsentBytes + bytes <= outputLimitBytes;
  }

  /** Opens the connection ahead of the first request. */
  preconnect(): void {
    if (this.state === IDLE) this.open();
  }

  /** Opens the connection to find out whether the server is well; the backend hears of the outcome. */
  probe(): void {
    if (this.state !== DOWN) return;
    this.drop(DOWN);
    this.isProbing = true;
    this.open();
  }

  /**
   * Fails what is overdue. A server that said nothing at all for as long is taken for dead, and so is one that does not take
   * the connection; one that goes on answering is not, though it is late.
   */
  checkDeadline(nowMs: number): void {
    if (this.state === READY) {
      this.checkReplies(nowMs);
      return;
    }
    this.link?.checkDeadline(nowMs);
    const { queueTimeoutMs, timeoutMs } = this.server.options;
    const waitMs = queueTimeoutMs > 0 ? queueTimeoutMs : timeoutMs;
    if (waitMs <= 0 || this.stream.silentMs(nowMs) < waitMs) return;
    this.sayOverdue();
    this.attemptFailed('timed_out');
  }

  private checkReplies(nowMs: number): void {
    const { stream } = this;
    const { options, markedDownAtMs, stats } = this.server;
    const { timeoutMs } = options;
    if (markedDownAtMs > 0 && stream.unheardMs(nowMs, markedDownAtMs) >= DOWN_SILENCE_MAX_MS) this.lose('host_down');
    else if (timeoutMs <= 0) return;
    else if (stream.silentMs(nowMs) >= timeoutMs) {
      this.sayOverdue();
      this.lose('timed_out');
    } else {
      stats.serverTimedout += stream.failOverdue(nowMs, timeoutMs);
      if (stream.headAgeMs(nowMs) >= timeoutMs * CLOGGED_TIMEOUTS) this.unclog();
    }
  }

  private sayOverdue(): void {
    this.stats.serverTimedout++;
    this.server.log.warn({ server: this.server.name, overdue: this.stream.awaited }, 'server timed out');
  }

  /** Replies that nobody waits for any more are in the way of all others. The server is not to blame. */
  private unclog(): void {
    const { log, name } = this.server;
    log.warn({ server: name, awaited: this.stream.awaited }, 'server connection replaced: late replies held up others');
    this.drop(IDLE, 'timed_out');
    this.closeIfRetired();
  }

  /** Fails what waits and refuses what comes. */
  close(): void {
    this.drop(CLOSED, 'no_backend');
  }

  /** Takes no new requests; closes once those inflight are answered, and tells the backend. */
  retire(): void {
    this.isRetiring = true;
    this.closeIfRetired();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { server: this.server.name, requests: this.stream.length };
  }

  /** Fails all that waits here: the server takes it too slowly. */
  shed(): void {
    this.server.stats.memorySheds++;
    this.drop(IDLE, 'overloaded');
    this.closeIfRetired();
  }

  /** Refuses requests until the next `probe` succeeds. */
  suspend(reason: FailureReason): void {
    this.downReason = reason;
    this.drop(DOWN, reason);
    this.closeIfRetired();
  }

  /** Ends `suspend`: the next request opens the connection. */
  resume(): void {
    if (this.state === DOWN) this.drop(IDLE);
  }

  private open(): void {
    const { options, stats } = this.server;
    if (this.state !== DOWN) this.state = CONNECTING;
    stats.reconnects++;
    this.server.stir();
    const controls =
      this.isProbing || this.welcome.needsProof ? [...this.handshake, options.protocol.probe] : this.handshake;
    this.link = new ServerLink(options, controls, this.scanner, this.server, this);
  }

  onLinkConnected(): void {
    this.server.stats.serverConnections++;
  }

  onLinkFailed(reason: FailureReason | null, complaint: string | null): void {
    const { stats, log, name } = this.server;
    if (reason === null) stats.serverEof++;
    else if (reason === 'timed_out') stats.serverTimedout++;
    else stats.serverErr++;
    // Once, and not at every attempt to come back.
    if (complaint !== null && this.state !== DOWN)
      log.error({ server: name, complaint }, 'server refused the handshake');
    const isRefusal = reason === 'connection_refused' && !(this.link as ServerLink).isConnected;
    // To the probe that it has to answer it has said again that it has no room.
    if (this.welcome.needsProof && complaint !== null && reason !== 'timed_out')
      this.attemptFailed('connection_refused');
    else this.attemptFailed(reason ?? 'connection_reset', isRefusal);
  }

  onLinkReady(): void {
    this.isLinkReady = true;
    if (!this.isHeld) this.ready();
  }

  private ready(): void {
    const link = this.link as ServerLink;
    const nowMs = this.clock.turnMs();
    const wasDown = this.state === DOWN;
    this.state = READY;
    if (this.isDemanding) this.highestReplyKind = this.scanner.highestReplyKind;
    if (this.stream.awaitsAbove(this.highestReplyKind)) {
      this.server.log.error({ server: this.server.name }, 'server is too old for what clients ask of it');
      this.lose('server_version');
      return;
    }
    this.welcome.begin(nowMs, this.isProbing || this.welcome.needsProof);
    if (wasDown || this.isProbing) this.server.log.info({ server: this.server.name }, 'server is back');
    if (this.isProbing) {
      this.isProbing = false;
      this.server.probeSucceeded();
    }
    if (this.welcome.hasServed) this.reconnects.succeeded();
    this.stream.open(link.outbox, nowMs);
    link.release();
  }

  onLinkWritten(): void {
    this.stream.written();
  }

  onLinkRead(buf: Buffer, length: number, block: Block | null): void {
    const { log, name } = this.server;
    const result = this.stream.read(buf, length, block, this.clock.turnMs());
    if (result === STREAM_READ) {
      if (this.isRetiring) this.closeIfRetired();
      return;
    }
    if (result === STREAM_ENDED) return;
    if (result === STREAM_UNASKED && !this.welcome.hasServed) {
      this.turnedAway();
      return;
    }
    if (result === STREAM_UNASKED) log.warn({ server: name }, 'server spoke unasked');
    else log.error({ server: name }, 'server answered something that is not its protocol');
    this.lose('server_garbage');
  }

  private closeIfRetired(): void {
    if (!this.isRetiring || this.stream.length > 0 || this.state === CLOSED) return;
    this.close();
    this.server.connectionRetired(this);
  }

  onLinkClosed(reason: FailureReason | null): void {
    this.server.stir();
    if (reason === null) this.stats.serverEof++;
    else this.stats.serverErr++;
    if (this.welcome.isRefusedBy(this.clock.turnMs())) this.turnedAway();
    else if (this.stream.length === 0) this.drop(IDLE);
    else this.lose(reason ?? 'connection_reset', true);
    this.closeIfRetired();
  }

  /** It accepts connections only to say that it has no room for them: that is no connection. */
  private turnedAway(): void {
    this.welcome.needsProof = true;
    this.attemptFailed('connection_refused');
  }

  /** An open connection is of no use any more: it goes, and all that waits for it fails. */
  private lose(reason: FailureReason, isCounted = false): void {
    if (!isCounted && reason !== 'timed_out') this.server.stats.serverErr++;
    this.drop(IDLE, reason);
    if (this.isRetiring) this.closeIfRetired();
    else this.server.failed(reason);
  }

  /** An attempt to connect came to nothing: down, and another one later. */
  private attemptFailed(reason: FailureReason, isCheap = false): void {
    const wasProbing = this.isProbing;
    if (this.state !== DOWN) this.server.log.warn({ server: this.server.name, reason }, 'server is down');
    this.downReason = reason;
    this.drop(DOWN, reason);
    if (this.isRetiring) this.closeIfRetired();
    else if (wasProbing) this.server.probeFailed(reason);
    else {
      this.reconnects.failed(isCheap);
      this.server.failed(reason);
    }
  }

  /** Lets go of the link; all that waits fails with `reason`, where there is one. */
  private drop(next: number, reason: FailureReason | null = null): void {
    this.reconnects.stop();
    const { link } = this;
    if (link !== null) {
      if (link.isConnected) this.server.stats.serverConnections--;
      if (this.isLinkReady && this.stream.length > 0) this.server.unanswered.add(link.local);
      this.link = null;
      link.close();
    }
    this.stream.forgetConnection();
    this.isProbing = false;
    this.isLinkReady = false;
    this.state = next;
    if (reason !== null) this.stream.end(reason);
  }
}
