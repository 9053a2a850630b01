import type { Block } from '../../memory/block.ts';
import type { Listing, ListingRequest } from '../../protocol/key-sweep.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { PrivateConnection } from '../../upstream/private-connection.ts';
import type { PrivateConnectionWaiter } from '../../upstream/private-connections.ts';

/** Whose listing it is: a line of the sweep. */
export interface ListerOwner {
  /** How long a listing may take. */
  readonly listingMs: number;
  mayGoOn(): boolean;
  onRequestDone(request: Request): void;
  onListingFailed(reason: FailureReason): void;
  /** There may be more for a step to do, or nothing is being listed any more. */
  onListed(): void;
}

const requestBytes = new RequestBytes();

/**
 * Has a server tell something at length, on a private connection:
 *
 *   idle ─▶ begin: a connection ─▶ request ⇄ reply … ─┬▶ all is told, or as much as is wanted for now: the connection is closed ─▶ idle
 *                                    pause ───────────┘
 */
export class SweepLister implements PrivateConnectionWaiter, ReplySink {
  readonly variant: number;
  isActive = false;
  private readonly owner: ListerOwner;
  private readonly backend: Backend;
  private readonly listing: Listing;
  private connection: PrivateConnection | null = null;
  /** Waits for the connection, or for its time. */
  private waiting: ListingRequest | null = null;
  private timer: NodeJS.Timeout | null = null;
  private request: Request | null = null;

  constructor(owner: ListerOwner, backend: Backend, variant: number, listing: Listing) {
    this.owner = owner;
    this.backend = backend;
    this.variant = variant;
    this.listing = listing;
  }

  begin(): void {
    this.isActive = true;
    this.ask();
  }

  /** Nothing more is wanted; the owner hears nothing of it. */
  stop(): void {
    const { backend, connection, request, timer } = this;
    const isWaiting = this.isActive && connection === null && timer === null;
    this.isActive = false;
    if (timer !== null) clearTimeout(timer);
    if (request !== null) request.sink = null;
    this.timer = this.connection = this.request = this.waiting = null;
    if (connection !== null) backend.releasePrivate(connection, false);
    else if (isWaiting) backend.cancelPrivate(this);
  }

  onConnection(connection: PrivateConnection): void {
    this.connection = connection;
    this.sendWaiting();
  }

  onRefused(reason: FailureReason): void {
    this.fail(reason);
  }

  onConnectionLost(_connection: PrivateConnection, reason: FailureReason): void {
    this.connection = null;
    this.fail(reason);
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, _block: Block | null): void {
    const { owner, listing } = this;
    const isTaken = owner.mayGoOn() && listing.read(buf, start, end, isLast);
    if (isLast) {
      this.request = null;
      owner.onRequestDone(request);
    }
    if (!isTaken || listing.refusal !== null) this.stop();
    else if (isLast) this.ask();
    owner.onListed();
  }

  onFailure(_request: Request, reason: FailureReason): void {
    this.request = null;
    this.fail(reason);
  }

  private ask(): void {
    const next = this.listing.next();
    if (next === null) {
      this.stop();
      return;
    }
    this.waiting = next;
    if (next.pauseMs === 0) this.sendWaiting();
    else {
      this.timer = setTimeout(() => {
        this.timer = null;
        if (this.owner.mayGoOn()) this.sendWaiting();
        else {
          this.stop();
          this.owner.onListed();
        }
      }, next.pauseMs);
    }
  }

  private sendWaiting(): void {
    const { connection, waiting, owner } = this;
    if (connection === null) {
      this.backend.acquirePrivate(this);
      return;
    }
    if (waiting === null) return;
    this.waiting = null;
    const request = new Request(this, waiting.replyKind);
    if (waiting.isLong) request.extraMs = owner.listingMs;
    this.request = request;
    connection.send(request, requestBytes.set(waiting.bytes, 0, waiting.bytes.length, null));
  }

  private fail(reason: FailureReason): void {
    if (!this.isActive) return;
    this.stop();
    this.owner.onListingFailed(reason);
  }
}
