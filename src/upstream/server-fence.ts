import { FAILURE_TEXT, type FailureReason } from '../request/failure.ts';
import { type ReplySink, Request } from '../request/request.ts';
import { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from './backend.ts';
import type { PrivateConnection } from './private-connection.ts';
import type { PrivateConnectionWaiter } from './private-connections.ts';

/** A server that is not quiet yet is asked again so soon. */
const PAUSE_MS = 10;
const NO_BYTES = Buffer.alloc(0);

/** How a protocol asks; see `BringWords`. */
export interface FenceWords {
  readonly replyKind: number;
  readonly listClients: Buffer;
  isQuiet(reply: Buffer, ends: readonly string[]): boolean | string;
}

/** `why` it can't be asked, as far as is known. */
export type FenceHeard = (isQuiet: boolean, why: string | null) => void;

/**
 * Waits until a server can't do anything any more of what was sent on connections that are gone: on a connection of its own it
 * is asked for its clients, until those are not among them, twice in a row: when it answers for the second time it has done what
 * lay unread when it answered first, though it may have been stopped.
 * A server that nobody listens for has ended, and with it all it had.
 */
export class ServerFence implements PrivateConnectionWaiter, ReplySink {
  readonly variant = 0;
  private readonly backend: Backend;
  private readonly words: FenceWords;
  private readonly heard: FenceHeard;
  private readonly endsAtMs: number;
  private readonly ends: readonly string[];
  private connection: PrivateConnection | null = null;
  private reply: Buffer = NO_BYTES;
  private timer: NodeJS.Timeout | null = null;
  /** It was when it was asked last: what it has read since it did then. */
  private isQuiet = false;
  private why: string | null = null;
  private isOver = false;

  /** `heard`: called once, perhaps at once; after `withinMs` it hears that the server is not quiet. */
  constructor(backend: Backend, words: FenceWords, withinMs: number, heard: FenceHeard) {
    this.backend = backend;
    this.words = words;
    this.heard = heard;
    this.endsAtMs = backend.clock.refresh() + withinMs;
    this.ends = backend.unanswered.all();
    backend.acquirePrivate(this);
  }

  /** It is of no use any more, and `heard` hears nothing. */
  cancel(): void {
    this.finish();
  }

  onConnection(connection: PrivateConnection): void {
    this.connection = connection;
    this.why = null;
    this.ask();
  }

  onRefused(reason: FailureReason): void {
    this.lost(reason);
  }

  onConnectionLost(_connection: PrivateConnection, reason: FailureReason): void {
    this.connection = null;
    this.isQuiet = false;
    this.lost(reason);
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean): void {
    this.reply = Buffer.concat([this.reply, buf.subarray(start, end)]);
    if (!isLast) return;
    const { reply } = this;
    this.reply = NO_BYTES;
    const wasQuiet = this.isQuiet;
    const answer = this.words.isQuiet(reply, this.ends);
    if (typeof answer === 'string') {
      this.why = answer;
      this.settle(false);
      return;
    }
    this.isQuiet = answer;
    if (this.isQuiet && wasQuiet) this.settle(true);
    else if (this.isQuiet) this.ask();
    else this.later(() => this.ask());
  }

  /** The connection is lost as well, and says so. */
  onFailure(): void {
    this.reply = NO_BYTES;
  }

  private ask(): void {
    const { listClients, replyKind } = this.words;
    const bytes = new RequestBytes().set(listClients, 0, listClients.length, null);
    this.connection?.send(new Request(this, replyKind), bytes);
  }

  private lost(reason: FailureReason): void {
    if (this.isOver) return;
    this.why = FAILURE_TEXT[reason];
    if (reason === 'connection_refused') this.settle(true);
    // It has said so, and says it again.
    else if (reason.startsWith('server_')) this.settle(false);
    else this.later(() => this.backend.acquirePrivate(this));
  }

  private later(again: () => void): void {
    if (this.isOver) return;
    if (this.backend.clock.refresh() >= this.endsAtMs) this.settle(false);
    else this.timer = setTimeout(() => this.isOver || again(), PAUSE_MS);
  }

  private settle(isQuiet: boolean): void {
    if (this.isOver) return;
    this.finish();
    if (isQuiet) this.backend.unanswered.forget(this.ends);
    this.heard(isQuiet, this.why);
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const { connection } = this;
    this.connection = null;
    if (connection === null) this.backend.cancelPrivate(this);
    else this.backend.releasePrivate(connection, true);
  }
}
