import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Block } from '../memory/block.ts';
import type { MemoryHolder } from '../memory/memory-ceiling.ts';
import type { ControlRequest } from '../protocol/control-request.ts';
import type { ReplyScanner } from '../protocol/protocol.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import { DOWN_SILENCE_MAX_MS } from './backend-options.ts';
import type { ConnectionHost } from './connection-host.ts';
import {
  type PushSink,
  ReplyStream,
  type ReplyStreamOwner,
  STREAM_ENDED,
  STREAM_READ,
  STREAM_UNASKED,
} from './reply-stream.ts';
import { type LinkUser, ServerLink } from './server-link.ts';

/** Whose a private connection is for now. */
export interface PrivateConnectionUser {
  /** It is gone, and all that was sent on it has failed; or it had nothing inflight. What the server kept for it is lost. */
  onConnectionLost(connection: PrivateConnection, reason: FailureReason): void;
}

/**
 * A connection to a server that one client has to itself, for as long as the server keeps something for it: a transaction,
 * watched keys, a command that blocks, a subscription.
 *
 *   connecting ─▶ ready ─▶ gone: it makes no second attempt, for what the server kept is lost
 *
 * Requests that come before it is ready wait. Its user is told when it goes, and gives it back or closes it.
 */
export class PrivateConnection implements LinkUser, MemoryHolder, ReplyStreamOwner {
  /** `Session.variant` of those it can serve. */
  readonly variant: number;
  /** Null: nobody has it. */
  user: PrivateConnectionUser | null = null;
  /** Since when nobody has it, on the worker's clock. */
  idleSinceMs = 0;
  /** It leads to a server that is out of service: nobody else gets it. */
  isOutdated = false;
  readonly server: ConnectionHost;
  readonly stats: BackendStats;
  readonly clock: Clock;
  private readonly host: ConnectionHost;
  readonly stream: ReplyStream;
  private readonly link: ServerLink;
  private readonly onGone: (connection: PrivateConnection) => void;
  /** By which the server knows it; 0: it has not said yet, or has no such numbers. */
  number = 0;
  private isReady = false;
  private isGone = false;

  /** Begins to connect. `onGone` is called once, before the user hears of it; `pushes` takes what answers no request. */
  constructor(
    host: ConnectionHost,
    variant: number,
    onGone: (connection: PrivateConnection) => void,
    pushes: PushSink | null = null,
  ) {
    const { options, stats } = host;
    const { protocol, credentials, db } = options;
    this.host = host;
    this.server = host;
    this.stats = stats;
    this.clock = host.clock;
    this.variant = variant;
    this.onGone = onGone;
    const scanner = protocol.createReplyScanner();
    const handshake: ControlRequest[] = [...protocol.handshake({ credentials, db, variant, isDemanding: true })];
    if (protocol.waits !== null) handshake.push(protocol.waits.identify(number => this.isKnownAs(number)));
    this.stream = new ReplyStream(this, scanner, pushes);
    stats.reconnects++;
    this.link = new ServerLink(options, handshake, scanner, host, this);
  }

  private isKnownAs(number: number): void {
    this.number = number;
  }

  answered(scanner: ReplyScanner): void {
    const { isError } = scanner;
    this.host.answered(isError, !isError);
    if (isError && scanner.isOutOfService) this.host.outOfService();
  }

  fail(request: Request, reason: FailureReason): void {
    this.host.fail(request, reason);
  }

  /** Requests that are not answered yet. */
  get inflightRequests(): number {
    return this.stream.length;
  }

  /** It is ready for another user, and owes nobody a reply. */
  get isQuiet(): boolean {
    return (
      this.isReady && !this.isGone && !this.isOutdated && this.stream.length === 0 && this.link.outbox.unsentBytes === 0
    );
  }

  get memoryBytes(): number {
    return this.isGone ? 0 : this.link.outbox.unsentBytes;
  }

  /** Sends `bytes`, which need be valid during the call only. The request may fail before this returns. */
  send(request: Request, bytes: RequestBytes): void {
    const { host, stream, link } = this;
    const { options, stats, clock } = host;
    if (this.isGone) {
      host.fail(request, 'connection_reset');
      return;
    }
    if (stream.length >= options.maxInflight || link.outbox.unsentBytes >= options.outputLimitBytes) {
      host.fail(request, 'overloaded');
      return;
    }
    const { sizeBytes } = bytes;
    stream.expect(request, sizeBytes, clock.nowMs);
    stats.requests++;
    stats.requestBytes += sizeBytes;
    bytes.appendTo(link.outbox);
  }

  /** Sends what no single reply answers (SUBSCRIBE): what comes of it goes to the push sink. False: it does not take more. */
  tell(bytes: RequestBytes): boolean {
    const { host, link } = this;
    if (this.isGone || link.outbox.unsentBytes >= host.options.outputLimitBytes) return false;
    host.stats.requests++;
    host.stats.requestBytes += bytes.sizeBytes;
    bytes.appendTo(link.outbox);
    return true;
  }

  /** Ends it; the user, who does not wait for anything any more, is not told. What is inflight is not answered. */
  close(): void {
    this.user = null;
    this.end('no_backend');
  }

  /** Ends it and tells the user. */
  cut(reason: FailureReason): void {
    this.end(reason);
  }

  /** Fails what is overdue, and with it the connection: its user can't know what the server has done. */
  checkDeadline(nowMs: number): void {
    const { options, stats, markedDownAtMs } = this.host;
    this.link.checkDeadline(nowMs);
    if (markedDownAtMs > 0 && this.stream.unheardMs(nowMs, markedDownAtMs) >= DOWN_SILENCE_MAX_MS)
      this.end('host_down');
    const isWaiting = !this.isReady && options.queueTimeoutMs > 0;
    const timeoutMs = isWaiting ? options.queueTimeoutMs : options.timeoutMs;
    if (timeoutMs <= 0 || this.isGone) return;
    const isSilent = this.stream.silentMs(nowMs) >= timeoutMs;
    const overdue = this.stream.failOverdue(nowMs, timeoutMs);
    if (overdue === 0 && !isSilent) return;
    stats.serverTimedout += Math.max(1, overdue);
    this.end('timed_out');
    if (isSilent) this.host.failed('timed_out');
  }

  describe(): Readonly<Record<string, unknown>> {
    return { server: this.host.name, requests: this.stream.length };
  }

  shed(): void {
    this.host.stats.memorySheds++;
    this.end('overloaded');
  }

  onLinkConnected(): void {
    this.host.stats.serverConnections++;
  }

  onLinkReady(): void {
    this.isReady = true;
    this.stream.open(this.link.outbox, this.host.clock.turnMs());
    this.link.release();
  }

  onLinkFailed(reason: FailureReason | null, complaint: string | null): void {
    const { stats, log, name } = this.host;
    if (reason === null) stats.serverEof++;
    else if (reason === 'timed_out') stats.serverTimedout++;
    else stats.serverErr++;
    if (complaint !== null) log.error({ server: name, complaint }, 'server refused the handshake');
    this.lose(reason ?? 'connection_reset');
  }

  onLinkWritten(): void {
    this.stream.written();
  }

  onLinkRead(buf: Buffer, length: number, block: Block | null): void {
    const { host } = this;
    const result = this.stream.read(buf, length, block, host.clock.turnMs());
    if (result === STREAM_READ || result === STREAM_ENDED) return;
    if (result === STREAM_UNASKED) host.log.warn({ server: host.name }, 'server spoke unasked');
    else host.log.error({ server: host.name }, 'server answered something that is not its protocol');
    host.stats.serverErr++;
    this.lose('server_garbage');
  }

  onLinkClosed(reason: FailureReason | null): void {
    const { stats } = this.host;
    if (reason === null) stats.serverEof++;
    else stats.serverErr++;
    if (this.stream.length === 0) this.end(reason ?? 'connection_reset');
    else this.lose(reason ?? 'connection_reset');
  }

  private lose(reason: FailureReason): void {
    this.end(reason);
    this.host.failed(reason);
  }

  private end(reason: FailureReason): void {
    if (this.isGone) return;
    this.isGone = true;
    if (this.link.isConnected) this.host.stats.serverConnections--;
    if (this.isReady && this.stream.length > 0) this.host.unanswered.add(this.link.local);
    this.link.close();
    this.stream.end(reason);
    this.onGone(this);
    const { user } = this;
    this.user = null;
    user?.onConnectionLost(this, reason);
  }
}
