import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import { type Block, takeBlock } from '../memory/block.ts';
import type { ControlRequest } from '../protocol/control-request.ts';
import { INCOMPLETE, MALFORMED, type ReplyScanner } from '../protocol/protocol.ts';
import { type FailureReason, failureFromErrno } from '../request/failure.ts';
import { ConnectAttempt } from '../socket/connect-attempt.ts';
import { Outbox, type OutboxOwner } from '../socket/outbox.ts';
import type { SocketReader, StreamSocket } from '../socket/stream-socket.ts';
import { UNANSWERED_HANDSHAKE } from '../system/handshake-complaint.ts';
import type { BackendOptions } from './backend-options.ts';

/** Who uses a link. Hears nothing of it any more once it has closed it. */
export interface LinkUser {
  onLinkConnected(): void;
  /** The handshake is done: `release` lets out what the outbox has. */
  onLinkReady(): void;
  /**
   * No link came about, `timed_out` where it took too long; null: the server closed it. `complaint`: what was wrong with its reply
   * to the handshake.
   */
  onLinkFailed(reason: FailureReason | null, complaint: string | null): void;
  /** What was appended to the outbox so far was written. */
  onLinkWritten(): void;
  /** `buf[0, length)` came; valid during the call, or, where it lies in a `block`, as long as that is retained. */
  onLinkRead(buf: Buffer, length: number, block: Block | null): void;
  /** A link that was ready is gone; null: the server closed it. */
  onLinkClosed(reason: FailureReason | null): void;
}

/** The replies to AUTH, SELECT and the like have a line; a server that says more to them is none. */
const CONTROL_REPLY_MAX_BYTES = 64 * 1024;
/** A reply that lacks so much or more is read into blocks that can be passed on as they are. */
const OWN_BLOCK_MIN_BYTES = 32 * 1024;
const OWN_BLOCK_MAX_BYTES = 256 * 1024;
const NO_BYTES = Buffer.alloc(0);

type LinkOptions = Pick<BackendOptions, 'address' | 'connectTimeoutMs' | 'keepaliveIdleMs' | 'tls' | 'proxyHeader'>;

/**
 * One socket to a server, from the attempt to connect to its end:
 *
 *   connecting ─▶ handshake: one control request after the other ─▶ ready ─▶ closed
 *
 * `scanner` reads the replies to the control requests; once the link is ready it is its user's, who must say by it when
 * a large reply is under way.
 */
export class ServerLink implements SocketReader, OutboxOwner {
  /** Takes requests from the beginning; they leave when the link is ready. */
  readonly outbox: Outbox;
  private readonly scanner: ReplyScanner;
  private readonly user: LinkUser;
  private readonly attempt: ConnectAttempt;
  private readonly connectTimeoutMs: number;
  private readonly startedAtMs: number;
  private socket: StreamSocket | null = null;
  /** Our end of it; empty: it is not known. */
  local = '';
  /** Still to be answered before the link is ready. */
  private readonly controls: ControlRequest[];
  private controlReply: Buffer = NO_BYTES;
  private isReady = false;
  private isClosed = false;
  /** What the socket reads into while a large reply comes; null: the buffer that all sockets share. */
  private block: Block | null = null;

  /** `connectTimeoutMs` is for the handshake, too. */
  constructor(
    { address, connectTimeoutMs, keepaliveIdleMs, tls, proxyHeader = null }: LinkOptions,
    controls: readonly ControlRequest[],
    scanner: ReplyScanner,
    { turn, clock }: { readonly turn: Turn; readonly clock: Clock },
    user: LinkUser,
  ) {
    this.controls = [...controls];
    this.scanner = scanner;
    this.user = user;
    this.outbox = new Outbox(null, turn, this, true);
    this.attempt = new ConnectAttempt(
      address,
      keepaliveIdleMs,
      { tls, proxyHeader },
      {
        onConnected: socket => this.connected(socket),
        onRefused: (errorCode, complaint) => this.fail(failureFromErrno(errorCode), complaint),
      },
    );
    this.connectTimeoutMs = connectTimeoutMs;
    this.startedAtMs = clock.refresh();
  }

  get isConnected(): boolean {
    return this.socket !== null;
  }

  /** Lets out what has waited, once the link is ready. */
  release(): void {
    if (!this.isClosed) this.outbox.open(this.socket as StreamSocket);
  }

  /** Tells the user when it takes too long to be ready. */
  checkDeadline(nowMs: number): void {
    if (this.isReady || this.isClosed || nowMs - this.startedAtMs < this.connectTimeoutMs) return;
    this.user.onLinkFailed('timed_out', this.attempt.isInHandshake ? `TLS: ${UNANSWERED_HANDSHAKE}` : null);
  }

  /** Cuts the connection, or gives up the attempt, without a word to anybody. */
  close(): void {
    this.isClosed = true;
    if (this.socket === null) this.attempt.cancel();
    else this.socket.destroy();
    this.outbox.discard();
  }

  onRead(buf: Buffer, length: number): Buffer | null {
    if (this.isClosed) return null;
    if (this.isReady) this.user.onLinkRead(buf, length, buf === this.block?.bytes ? this.block : null);
    else this.readControl(buf, length);
    return this.isClosed ? null : this.nextBuffer();
  }

  /** Nothing will be answered any more. */
  onEnd(): void {
    this.ended(null);
  }

  onTaken(): void {
    this.outbox.taken();
  }

  onWritten(): void {
    this.user.onLinkWritten();
  }

  onDrained(): void {}

  onAllSent(): void {}

  onClosed(errorCode: string | null): void {
    // Here nobody is inside a read of it.
    this.block?.release();
    this.block = null;
    this.ended(errorCode === null ? null : failureFromErrno(errorCode));
  }

  private connected(socket: StreamSocket): void {
    this.socket = socket;
    this.local = socket.local;
    socket.start(this);
    this.user.onLinkConnected();
    this.nextControl();
  }

  private nextControl(): void {
    const control = this.controls[0];
    if (control !== undefined) {
      this.scanner.begin(control.replyKind);
      // Nothing was sent before that was not answered: the kernel takes it.
      this.socket?.write(control.bytes);
      return;
    }
    this.isReady = true;
    this.user.onLinkReady();
  }

  private readControl(buf: Buffer, length: number): void {
    const stop = this.scanner.scan(buf, 0, length);
    const reply = Buffer.concat([this.controlReply, buf.subarray(0, length)]);
    // They are sent one by one, so a reply has nothing behind it.
    const isMore = stop !== INCOMPLETE && stop < length;
    if (stop === MALFORMED || isMore || reply.length > CONTROL_REPLY_MAX_BYTES) {
      this.fail('server_garbage', null);
      return;
    }
    this.controlReply = stop === INCOMPLETE ? reply : NO_BYTES;
    if (stop === INCOMPLETE) return;
    const control = this.controls.shift() as ControlRequest;
    const complaint = control.check(reply);
    if (complaint === null) this.nextControl();
    else this.fail(control.failure(reply), complaint);
  }

  private fail(reason: FailureReason | null, complaint: string | null): void {
    if (!this.isClosed) this.user.onLinkFailed(reason, complaint);
  }

  private ended(reason: FailureReason | null): void {
    if (this.isClosed) return;
    if (this.isReady) this.user.onLinkClosed(reason);
    else this.user.onLinkFailed(reason, null);
  }

  /** Inside a large reply a block that nobody else keeps, else the shared buffer. */
  private nextBuffer(): Buffer | null {
    const { missingBytes } = this.scanner;
    if (missingBytes < OWN_BLOCK_MIN_BYTES) {
      this.block?.release();
      this.block = null;
      return null;
    }
    const { block } = this;
    if (block?.isUnshared) return block.bytes;
    block?.release();
    this.block = takeBlock(Math.min(missingBytes, OWN_BLOCK_MAX_BYTES));
    return this.block.bytes;
  }
}
