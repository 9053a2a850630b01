import { connect, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { type FailureReason, failureFromErrno } from '../core/failure.ts';
import { Fifo } from '../core/fifo.ts';
import type { Log } from '../core/log.ts';
import type { MemoryHolder } from '../core/memory-ceiling.ts';
import { Outbox } from '../core/outbox.ts';
import type { Request } from '../core/request.ts';
import type { BackendStats } from '../core/statistics.ts';
import type { Turn } from '../core/turn.ts';
import { type ControlRequest, INCOMPLETE, MALFORMED, type ReplyScanner } from '../protocol/protocol.ts';
import type { BackendOptions } from './backend-options.ts';

/*
 * One persistent connection to a server, shared by all clients of a worker.
 *
 *            first request                connected             handshake done
 *   idle ──────────────────▶ connecting ────────────▶ handshake ───────────────▶ ready
 *    ▲                           │ refused, too slow      │                        │ closed, overdue, garbage
 *    └───────────────────────────┼────────────────────────┴────────────────────────┤ (closed while in order: idle)
 *                                ▼                                                 ▼
 *                              down ── back-off with jitter, then a new attempt ──▶ …
 *
 * Requests that arrive while it connects for the first time wait; while it is down they fail at once, also during
 * the attempts, because a server that is down may take long to say so. Replies come in the order of the requests:
 * the head of `inflight` owns whatever is read next.
 */
const IDLE = 0;
const CONNECTING = 1;
const HANDSHAKE = 2;
const READY = 3;
const DOWN = 4;
const CLOSED = 5;

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1000;
/** TCP keepalive on server connections: finds a peer that vanished while nothing was asked of it. */
const KEEPALIVE_DELAY_MS = 60_000;

const READ_BUFFER_BYTES = 64 * 1024;
/** The replies to AUTH, SELECT and the like have a line; a server that says more to them is none. */
const CONTROL_REPLY_MAX_BYTES = 64 * 1024;
/** All server sockets of the worker read into it: a read is dealt with before the next one begins. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
const NO_BYTES = Buffer.alloc(0);

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

export class BackendConnection implements MemoryHolder {
  private readonly backend: ConnectionOwner;
  private readonly handshake: readonly ControlRequest[];
  private readonly scanner: ReplyScanner;
  private state = IDLE;
  private socket: Socket | null = null;
  private outbox: Outbox | null = null;
  private inflight = new Fifo<Request>();
  private inflightBytes = 0;
  /** The scanner is inside a reply. */
  private isInReply = false;
  /** Requests of our own still to be answered before the connection is ready; sent one by one. */
  private controls: ControlRequest[] = [];
  private controlReply: Buffer = NO_BYTES;
  /** While down: why, for the requests that fail at once. */
  private downReason: FailureReason = 'connection_refused';
  private attempts = 0;
  private timer: NodeJS.Timeout | null = null;
  private isProbing = false;
  private isRetiring = false;
  /** The socket is connected and counted in the statistics. */
  private isCounted = false;

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
    return this.outbox === null ? 0 : this.outbox.unsentBytes;
  }

  /**
   * Sends `buf[start, end)` without `buf[cutStart, cutEnd)`. `isOwned`: nobody will write to `buf` again. The request
   * may fail before this returns.
   */
  send(
    request: Request,
    buf: Buffer,
    start: number,
    end: number,
    cutStart: number,
    cutEnd: number,
    isOwned: boolean,
  ): void {
    if (this.state === IDLE) this.open();
    const { outbox } = this;
    if (outbox === null || this.state === DOWN || this.state === CLOSED) {
      this.backend.fail(request, this.state === CLOSED ? 'no_backend' : this.downReason);
      return;
    }
    const { options, stats } = this.backend;
    if (this.inflight.length >= options.maxInflight || outbox.unsentBytes >= options.outputLimitBytes) {
      this.backend.fail(request, 'overloaded');
      return;
    }
    request.sizeBytes = end - start - (cutEnd - cutStart);
    request.startedAtMs = this.backend.clock.nowMs;
    this.inflight.push(request);
    this.inflightBytes += request.sizeBytes;
    stats.requests++;
    stats.requestBytes += request.sizeBytes;
    if (cutEnd > cutStart) {
      outbox.append(buf, start, cutStart);
      if (isOwned) outbox.appendOwned(buf.subarray(cutEnd, end));
      else outbox.append(buf, cutEnd, end);
    } else if (isOwned) {
      outbox.appendOwned(start === 0 && end === buf.length ? buf : buf.subarray(start, end));
    } else {
      outbox.append(buf, start, end);
    }
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
    this.state = this.state === DOWN ? DOWN : CONNECTING;
    stats.reconnects++;
    const socket = connect({
      ...options.address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
      onread: {
        buffer: readBuffer,
        callback: (length: number) => {
          if (this.socket === socket) this.read(length);
          return true;
        },
      },
    });
    this.socket = socket;
    this.outbox = new Outbox(socket, turn, true, null);
    socket.on('connect', () => this.connected(socket));
    // Nothing will be answered any more. 'close' would come only when the server has read all that we sent.
    socket.on('end', () => {
      if (this.socket === socket) this.closed(null);
    });
    let error: NodeJS.ErrnoException | null = null;
    socket.on('error', e => {
      error = e;
    });
    socket.on('close', () => {
      if (this.socket === socket) this.closed(error);
    });
    this.timer = setTimeout(() => this.connectTimedOut(), options.connectTimeoutMs);
  }

  private connectTimedOut(): void {
    this.backend.stats.serverTimedout++;
    this.attemptFailed('timed_out');
  }

  private connected(socket: Socket): void {
    if (this.socket !== socket) return;
    this.backend.stats.serverConnections++;
    this.isCounted = true;
    if (this.state === CONNECTING) this.state = HANDSHAKE;
    this.controls = [...this.handshake];
    if (this.isProbing) this.controls.push(this.backend.options.protocol.probe);
    this.nextControl();
  }

  private nextControl(): void {
    const control = this.controls[0];
    if (control === undefined) {
      this.becomeReady();
      return;
    }
    this.scanner.begin(control.replyKind);
    this.socket?.write(control.bytes);
  }

  private becomeReady(): void {
    this.stopTimer();
    const wasDown = this.state === DOWN;
    this.state = READY;
    this.attempts = 0;
    if (wasDown || this.isProbing) this.backend.log.info({ server: this.backend.name }, 'server is back');
    if (this.isProbing) {
      this.isProbing = false;
      this.backend.probeSucceeded();
    }
    // What has waited is written now, and its time begins.
    for (let i = 0; i < this.inflight.length; i++) this.inflight.at(i).startedAtMs = this.backend.clock.nowMs;
    this.outbox?.unblock();
  }

  private read(length: number): void {
    this.backend.clock.refresh();
    let position = 0;
    while (position < length) {
      if (this.controls.length > 0) {
        position = this.readControl(position, length);
        if (position < 0) return;
        continue;
      }
      const head = this.inflight.peek();
      if (head === undefined || this.isUnsent()) {
        this.backend.log.warn({ server: this.backend.name, bytes: length - position }, 'server spoke unasked');
        this.lose('server_garbage', IDLE);
        return;
      }
      if (!this.isInReply) {
        this.scanner.begin(head.replyKind);
        this.isInReply = true;
      }
      const stop = this.scanner.scan(readBuffer, position, length);
      if (stop < 0) {
        if (stop === MALFORMED) this.garbage();
        else this.deliver(head, position, length, false);
        return;
      }
      this.isInReply = false;
      this.inflight.shift();
      this.inflightBytes -= head.sizeBytes;
      this.backend.succeeded(this.scanner.isError);
      this.deliver(head, position, stop, true);
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
    return (this.outbox as Outbox).unwrittenBytes >= this.inflightBytes;
  }

  private closeIfRetired(): void {
    if (!this.isRetiring || this.inflight.length > 0 || this.state === CLOSED) return;
    this.close();
    this.backend.connectionRetired(this);
  }

  private deliver(request: Request, start: number, end: number, isLast: boolean): void {
    this.backend.stats.responseBytes += end - start;
    request.sink?.onReply(request, readBuffer, start, end, isLast);
  }

  /** Reads the reply to a request of our own; the position after it, or -1 when there is no more to read. */
  private readControl(start: number, end: number): number {
    const stop = this.scanner.scan(readBuffer, start, end);
    const bytes = readBuffer.subarray(start, stop === INCOMPLETE ? end : stop);
    // They are sent one by one, so a reply has nothing behind it.
    const isTooMuch = this.controlReply.length + bytes.length > CONTROL_REPLY_MAX_BYTES;
    if (stop === MALFORMED || isTooMuch || (stop !== INCOMPLETE && stop < end)) {
      this.attemptFailed('server_garbage');
      return -1;
    }
    const reply = Buffer.concat([this.controlReply, bytes]);
    this.controlReply = stop === INCOMPLETE ? reply : NO_BYTES;
    if (stop === INCOMPLETE) return -1;
    const control = this.controls.shift() as ControlRequest;
    const complaint = control.check(reply);
    if (complaint !== null) {
      // Once, and not at every attempt to come back.
      if (this.state !== DOWN) {
        this.backend.log.error({ server: this.backend.name, complaint }, 'server refused the handshake');
      }
      this.attemptFailed(control.failure(reply));
      return -1;
    }
    this.nextControl();
    return stop;
  }

  private garbage(): void {
    this.backend.log.error({ server: this.backend.name }, 'server answered something that is not its protocol');
    this.lose('server_garbage', IDLE);
  }

  /** The socket closed by itself. */
  private closed(error: NodeJS.ErrnoException | null): void {
    const { stats } = this.backend;
    if (error === null) stats.serverEof++;
    else stats.serverErr++;
    const reason = error === null ? 'connection_reset' : failureFromErrno(error.code);
    if (this.state !== READY) this.attemptFailed(reason, true);
    else if (this.inflight.length === 0) this.drop(IDLE);
    else this.lose(reason, IDLE, true);
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
  private attemptFailed(reason: FailureReason, isCounted = false): void {
    const wasProbing = this.isProbing;
    if (!isCounted && reason !== 'timed_out') this.backend.stats.serverErr++;
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
    this.timer = setTimeout(() => this.open(), ceilingMs / 2 + (Math.random() * ceilingMs) / 2);
    this.timer.unref();
  }

  /** Lets go of the socket without a word to anybody. */
  private drop(next: number): void {
    this.stopTimer();
    const { socket } = this;
    if (socket !== null) {
      if (this.isCounted) this.backend.stats.serverConnections--;
      this.isCounted = false;
      this.socket = null;
      socket.destroy();
    }
    this.outbox = null;
    this.isInReply = false;
    this.controls = [];
    this.controlReply = NO_BYTES;
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

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
