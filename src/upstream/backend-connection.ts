import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { Block } from '../memory/block.ts';
import type { MemoryHolder } from '../memory/memory-ceiling.ts';
import type { ControlRequest, ReplyScanner } from '../protocol/protocol.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { Log } from '../system/log.ts';
import type { BackendOptions } from './backend-options.ts';
import { ReplyStream, type ReplyStreamOwner, STREAM_ENDED, STREAM_READ, STREAM_UNASKED } from './reply-stream.ts';
import { type LinkUser, ServerLink } from './server-link.ts';

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
 * the attempts, because a server that is down may take long to say so. Replies come in the order of the requests:
 * the head of `inflight` owns whatever is read next.
 */
const IDLE = 0;
const CONNECTING = 1;
const READY = 2;
const DOWN = 3;
const CLOSED = 4;

/** What a request costs beside its bytes while it is inflight, whether its client is still there or not. */
const INFLIGHT_BYTES = 256;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1000;

/** The backend, as its connections know it. */
export interface ConnectionOwner extends ReplyStreamOwner {
  readonly name: string;
  readonly options: BackendOptions;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  failed(reason: FailureReason): void;
  probeSucceeded(): void;
  probeFailed(reason: FailureReason): void;
  connectionRetired(connection: BackendConnection): void;
}

export class BackendConnection implements LinkUser, MemoryHolder {
  private readonly backend: ConnectionOwner;
  private readonly handshake: readonly ControlRequest[];
  private readonly scanner: ReplyScanner;
  private state = IDLE;
  private link: ServerLink | null = null;
  private readonly stream: ReplyStream;
  /** While down: why, for the requests that fail at once. */
  private downReason: FailureReason = 'connection_refused';
  private attempts = 0;
  private reconnectTimer: NodeJS.Timeout | null = null;
  private isProbing = false;
  private isRetiring = false;

  /** `handshake`: what to say first, each time it connects. */
  constructor(backend: ConnectionOwner, handshake: readonly ControlRequest[]) {
    this.backend = backend;
    this.handshake = handshake;
    this.scanner = backend.options.protocol.createReplyScanner();
    this.stream = new ReplyStream(backend, this.scanner);
  }

  get isConnected(): boolean {
    return this.state === READY;
  }

  /** Why requests fail at once; null: they don't. */
  get whyDown(): FailureReason | null {
    return this.state === DOWN ? this.downReason : null;
  }

  /** Requests that wait for the connection. */
  get queuedRequests(): number {
    return this.state === READY ? 0 : this.stream.length;
  }

  /** Requests sent that await their reply. */
  get inflightRequests(): number {
    return this.state === READY ? this.stream.length : 0;
  }

  /** Bytes of all requests that are not answered yet. */
  get unansweredBytes(): number {
    return this.stream.inflightBytes;
  }

  /** Requests that the server has not taken, and what each costs beside its bytes until it is answered. */
  get memoryBytes(): number {
    return this.unsentBytes + this.stream.length * INFLIGHT_BYTES;
  }

  get unsentBytes(): number {
    return this.link === null ? 0 : this.link.outbox.unsentBytes;
  }

  /** Sends `bytes`, which need be valid during the call only. The request may fail before this returns. */
  send(request: Request, bytes: RequestBytes): void {
    if (this.state === IDLE) this.open();
    const { link } = this;
    if (link === null || this.state === DOWN || this.state === CLOSED) {
      this.backend.fail(request, this.state === CLOSED ? 'no_backend' : this.downReason);
      return;
    }
    if (request.replyKind > this.scanner.highestReplyKind) {
      this.backend.fail(request, 'server_version');
      return;
    }
    const { outbox } = link;
    const { options, stats, clock } = this.backend;
    if (this.stream.length >= options.maxInflight || outbox.unsentBytes >= options.outputLimitBytes) {
      this.backend.fail(request, 'overloaded');
      return;
    }
    const { sizeBytes } = bytes;
    this.stream.expect(request, sizeBytes, clock.nowMs);
    stats.requests++;
    stats.requestBytes += sizeBytes;
    bytes.appendTo(outbox);
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
    const { options, stats, log, name } = this.backend;
    if (this.state !== READY) this.link?.checkDeadline(nowMs);
    if (this.state === READY) {
      const { timeoutMs } = options;
      if (timeoutMs <= 0) return;
      if (this.stream.silentMs(nowMs) < timeoutMs) {
        stats.serverTimedout += this.stream.failOverdue(nowMs, timeoutMs);
        return;
      }
    } else {
      const timeoutMs = options.queueTimeoutMs > 0 ? options.queueTimeoutMs : options.timeoutMs;
      if (timeoutMs <= 0 || this.stream.silentMs(nowMs) < timeoutMs) return;
    }
    stats.serverTimedout++;
    log.warn({ server: name, overdue: this.stream.awaited }, 'server timed out');
    if (this.state === READY) this.lose('timed_out', IDLE);
    else this.attemptFailed('timed_out');
  }

  /** Fails what waits and refuses what comes. */
  close(): void {
    this.drop(CLOSED);
    this.stream.end('no_backend');
  }

  /** Takes no new requests; closes once those inflight are answered, and tells the backend. */
  retire(): void {
    this.isRetiring = true;
    this.closeIfRetired();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { server: this.backend.name, requests: this.stream.length };
  }

  /** Fails all that waits here: the server takes it too slowly. */
  shed(): void {
    this.backend.stats.memorySheds++;
    this.drop(IDLE);
    this.stream.end('overloaded');
    this.closeIfRetired();
  }

  /** Refuses requests until the next `probe` succeeds. */
  suspend(reason: FailureReason): void {
    this.drop(DOWN);
    this.downReason = reason;
    this.stream.end(reason);
  }

  /** Ends `suspend`: the next request opens the connection. */
  resume(): void {
    if (this.state === DOWN) this.drop(IDLE);
  }

  private open(): void {
    const { options, stats } = this.backend;
    if (this.state !== DOWN) this.state = CONNECTING;
    stats.reconnects++;
    const controls = this.isProbing ? [...this.handshake, options.protocol.probe] : this.handshake;
    this.link = new ServerLink(options, controls, this.scanner, this.backend, this);
  }

  onLinkConnected(): void {
    this.backend.stats.serverConnections++;
  }

  onLinkTimedOut(): void {
    this.backend.stats.serverTimedout++;
    this.attemptFailed('timed_out');
  }

  onLinkFailed(reason: FailureReason | null, complaint: string | null): void {
    const { stats, log, name } = this.backend;
    if (reason === null) stats.serverEof++;
    else stats.serverErr++;
    // Once, and not at every attempt to come back.
    if (complaint !== null && this.state !== DOWN)
      log.error({ server: name, complaint }, 'server refused the handshake');
    this.attemptFailed(reason ?? 'connection_reset');
  }

  onLinkReady(): void {
    const nowMs = this.backend.clock.turnMs();
    const wasDown = this.state === DOWN;
    this.state = READY;
    this.attempts = 0;
    if (this.stream.awaitsAbove(this.scanner.highestReplyKind)) {
      this.backend.log.error({ server: this.backend.name }, 'server is too old for what clients ask of it');
      this.lose('server_version', IDLE);
      return;
    }
    if (wasDown || this.isProbing) this.backend.log.info({ server: this.backend.name }, 'server is back');
    if (this.isProbing) {
      this.isProbing = false;
      this.backend.probeSucceeded();
    }
    this.stream.open((this.link as ServerLink).outbox, nowMs);
  }

  onLinkWritten(): void {
    this.stream.written();
  }

  onLinkRead(buf: Buffer, length: number, block: Block | null): void {
    const { backend } = this;
    const result = this.stream.read(buf, length, block, backend.clock.turnMs());
    if (result === STREAM_READ) {
      if (this.isRetiring) this.closeIfRetired();
      return;
    }
    if (result === STREAM_ENDED) return;
    if (result === STREAM_UNASKED) backend.log.warn({ server: backend.name }, 'server spoke unasked');
    else backend.log.error({ server: backend.name }, 'server answered something that is not its protocol');
    this.lose('server_garbage', IDLE);
  }

  private closeIfRetired(): void {
    if (!this.isRetiring || this.stream.length > 0 || this.state === CLOSED) return;
    this.close();
    this.backend.connectionRetired(this);
  }

  onLinkClosed(reason: FailureReason | null): void {
    const { stats } = this.backend;
    if (reason === null) stats.serverEof++;
    else stats.serverErr++;
    if (this.stream.length === 0) this.drop(IDLE);
    else this.lose(reason ?? 'connection_reset', IDLE, true);
    this.closeIfRetired();
  }

  /** An open connection is of no use any more: it goes, and all that waits for it fails. */
  private lose(reason: FailureReason, next: typeof IDLE | typeof DOWN, isCounted = false): void {
    if (!isCounted && reason !== 'timed_out') this.backend.stats.serverErr++;
    this.drop(next);
    this.stream.end(reason);
    if (this.isRetiring) this.closeIfRetired();
    else this.backend.failed(reason);
  }

  /** An attempt to connect came to nothing: down, and another one later. */
  private attemptFailed(reason: FailureReason): void {
    const wasProbing = this.isProbing;
    if (this.state !== DOWN) this.backend.log.warn({ server: this.backend.name, reason }, 'server is down');
    this.drop(DOWN);
    this.downReason = reason;
    this.stream.end(reason);
    if (this.isRetiring) {
      this.closeIfRetired();
      return;
    }
    if (wasProbing) {
      this.backend.probeFailed(reason);
      return;
    }
    this.scheduleReconnect();
    this.backend.failed(reason);
  }

  private scheduleReconnect(): void {
    const ceilingMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.attempts++, 10));
    // Half fixed, half random: workers that lost a server together don't come back together.
    this.reconnectTimer = setTimeout(() => this.open(), ceilingMs / 2 + (Math.random() * ceilingMs) / 2);
    this.reconnectTimer.unref();
  }

  /** Lets go of the link without a word to anybody. */
  private drop(next: number): void {
    if (this.reconnectTimer !== null) clearTimeout(this.reconnectTimer);
    this.reconnectTimer = null;
    const { link } = this;
    if (link !== null) {
      if (link.isConnected) this.backend.stats.serverConnections--;
      this.link = null;
      link.close();
    }
    this.stream.forgetConnection();
    this.isProbing = false;
    this.state = next;
  }
}
