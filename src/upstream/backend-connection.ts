import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { Block } from '../memory/block.ts';
import { Fifo } from '../memory/fifo.ts';
import type { MemoryHolder } from '../memory/memory-ceiling.ts';
import { type ControlRequest, MALFORMED, type ReplyScanner } from '../protocol/protocol.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { Log } from '../system/log.ts';
import type { BackendOptions } from './backend-options.ts';
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

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1000;

/** The backend, as its connections know it. */
export interface ConnectionOwner {
  readonly name: string;
  readonly options: BackendOptions;
  readonly stats: BackendStats;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  fail(request: Request, reason: FailureReason): void;
  succeeded(isErrorReply: boolean): void;
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
  private inflight = new Fifo<Request>();
  private inflightBytes = 0;
  /** The scanner is inside a reply. */
  private isInReply = false;
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
  }

  get isConnected(): boolean {
    return this.state === READY;
  }

  /** Requests that wait for the connection. */
  get queuedRequests(): number {
    return this.state === READY ? 0 : this.inflight.length;
  }

  /** Requests sent that await their reply. */
  get inflightRequests(): number {
    return this.state === READY ? this.inflight.length : 0;
  }

  /** Bytes of all requests that are not answered yet. */
  get unansweredBytes(): number {
    return this.inflightBytes;
  }

  /** Requests that the server has not taken. */
  get memoryBytes(): number {
    return this.unsentBytes;
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
    const { outbox } = link;
    const { options, stats } = this.backend;
    if (this.inflight.length >= options.maxInflight || outbox.unsentBytes >= options.outputLimitBytes) {
      this.backend.fail(request, 'overloaded');
      return;
    }
    const { sizeBytes } = bytes;
    request.sizeBytes = sizeBytes;
    request.startedAtMs = this.backend.clock.nowMs;
    this.inflight.push(request);
    this.inflightBytes += sizeBytes;
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

  /** Fails what is overdue. Only the head need be looked at: requests are in the order they were sent. */
  checkDeadline(nowMs: number): void {
    const { options } = this.backend;
    const isWaiting = this.state !== READY && options.queueTimeoutMs > 0;
    const timeoutMs = isWaiting ? options.queueTimeoutMs : options.timeoutMs;
    const head = this.inflight.peek();
    if (timeoutMs <= 0 || head === undefined || nowMs - head.startedAtMs < timeoutMs) return;
    this.backend.stats.serverTimedout++;
    this.backend.log.warn({ server: this.backend.name, overdue: this.inflight.length }, 'server timed out');
    // The reply may still be on its way: the stream can't be trusted any more.
    if (this.state === READY) this.lose('timed_out', IDLE);
    else this.attemptFailed('timed_out');
  }

  /** Fails what waits and refuses what comes. */
  close(): void {
    this.drop(CLOSED);
    this.failInflight('no_backend');
  }

  /** Takes no new requests; closes once those inflight are answered, and tells the backend. */
  retire(): void {
    this.isRetiring = true;
    this.closeIfRetired();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { server: this.backend.name, requests: this.inflight.length };
  }

  /** Fails all that waits here: the server takes it too slowly. */
  shed(): void {
    this.backend.stats.memorySheds++;
    this.drop(IDLE);
    this.failInflight('overloaded');
    this.closeIfRetired();
  }

  /** Refuses requests until the next `probe` succeeds. */
  suspend(reason: FailureReason): void {
    this.drop(DOWN);
    this.downReason = reason;
    this.failInflight(reason);
  }

  /** Ends `suspend`: the next request opens the connection. */
  resume(): void {
    if (this.state === DOWN) this.drop(IDLE);
  }

  private open(): void {
    const { options, stats, turn } = this.backend;
    if (this.state !== DOWN) this.state = CONNECTING;
    stats.reconnects++;
    const controls = this.isProbing ? [...this.handshake, options.protocol.probe] : this.handshake;
    this.link = new ServerLink(options, controls, this.scanner, turn, this);
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
    if (wasDown || this.isProbing) this.backend.log.info({ server: this.backend.name }, 'server is back');
    if (this.isProbing) {
      this.isProbing = false;
      this.backend.probeSucceeded();
    }
    // What has waited is written now, and its time begins.
    for (let i = 0; i < this.inflight.length; i++) this.inflight.at(i).startedAtMs = nowMs;
  }

  onLinkRead(buf: Buffer, length: number, block: Block | null): void {
    const { backend, scanner } = this;
    backend.clock.turnMs();
    let position = 0;
    while (position < length) {
      const head = this.inflight.peek();
      if (head === undefined || this.isUnsent()) {
        backend.log.warn({ server: backend.name, bytes: length - position }, 'server spoke unasked');
        this.lose('server_garbage', IDLE);
        return;
      }
      if (!this.isInReply) {
        scanner.begin(head.replyKind);
        this.isInReply = true;
      }
      const stop = scanner.scan(buf, position, length);
      if (stop < 0) {
        if (stop === MALFORMED) this.garbage();
        else this.deliver(head, buf, position, length, false, block);
        return;
      }
      this.isInReply = false;
      this.inflight.shift();
      this.inflightBytes -= head.sizeBytes;
      backend.succeeded(scanner.isError);
      this.deliver(head, buf, position, stop, true, block);
      position = stop;
      // Whoever took the reply may have closed this connection.
      if (this.state !== READY) return;
    }
    if (this.isRetiring) this.closeIfRetired();
  }

  /**
   * Not a byte of any request inflight has left: what the server says is no answer to it, but perhaps one that came
   * twice. The next request must not get it.
   */
  private isUnsent(): boolean {
    return (this.link as ServerLink).outbox.unwrittenBytes >= this.inflightBytes;
  }

  private closeIfRetired(): void {
    if (!this.isRetiring || this.inflight.length > 0 || this.state === CLOSED) return;
    this.close();
    this.backend.connectionRetired(this);
  }

  private deliver(
    request: Request,
    buf: Buffer,
    start: number,
    end: number,
    isLast: boolean,
    block: Block | null,
  ): void {
    this.backend.stats.responseBytes += end - start;
    request.sink?.onReply(request, buf, start, end, isLast, block);
  }

  private garbage(): void {
    this.backend.log.error({ server: this.backend.name }, 'server answered something that is not its protocol');
    this.lose('server_garbage', IDLE);
  }

  onLinkClosed(reason: FailureReason | null): void {
    const { stats } = this.backend;
    if (reason === null) stats.serverEof++;
    else stats.serverErr++;
    if (this.inflight.length === 0) this.drop(IDLE);
    else this.lose(reason ?? 'connection_reset', IDLE, true);
    this.closeIfRetired();
  }

  /** An open connection is of no use any more: it goes, and all that waits for it fails. */
  private lose(reason: FailureReason, next: typeof IDLE | typeof DOWN, isCounted = false): void {
    if (!isCounted && reason !== 'timed_out') this.backend.stats.serverErr++;
    this.drop(next);
    this.failInflight(reason);
    if (this.isRetiring) this.closeIfRetired();
    else this.backend.failed(reason);
  }

  /** An attempt to connect came to nothing: down, and another one later. */
  private attemptFailed(reason: FailureReason): void {
    const wasProbing = this.isProbing;
    if (this.state !== DOWN) this.backend.log.warn({ server: this.backend.name, reason }, 'server is down');
    this.drop(DOWN);
    this.downReason = reason;
    this.failInflight(reason);
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
    this.isInReply = false;
    this.isProbing = false;
    this.state = next;
  }

  private failInflight(reason: FailureReason): void {
    if (this.inflight.length === 0) return;
    const failed = this.inflight;
    this.inflight = new Fifo<Request>();
    this.inflightBytes = 0;
    for (let i = 0; i < failed.length; i++) this.backend.fail(failed.at(i), reason);
  }
}
