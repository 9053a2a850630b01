import type { Gift, Remedy } from '../../protocol/remedy.ts';
import type { FailureReason } from '../../request/failure.ts';
import { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import { giveAnew } from '../../upstream/given-gifts.ts';
import type { PrivateConnection } from '../../upstream/private-connection.ts';
import type { PrivateConnectionWaiter } from '../../upstream/private-connections.ts';
import type { RequestOrigin } from '../request-origin.ts';

const NO_BYTES = new RequestBytes();

/** A request that can't be sent yet; `request` is null where the client has its reply already. */
interface HeldRequest {
  readonly request: Request | null;
  readonly bytes: RequestBytes;
  /** It gives the server this, unless the connection was given it already. */
  readonly gift: Gift | null;
}

/**
 * One client's own connection to a server, from the first request for it on:
 *
 *   held ─▶ there is a connection, and all that the client asked elsewhere before is answered ─▶ sent, and what follows at once
 *     └───────────────────────────────── refused, or lost ─▶ fails, as all that follows
 */
export class OwnConnection implements PrivateConnectionWaiter {
  readonly variant: number;
  /** Whose connection it is, or will be; null: no request has named a server. */
  backend: Backend | null = null;
  /** The connection was lost, or none could be had. */
  lostReason: FailureReason | null = null;
  /** What requests that are held take of memory, and how many they are. */
  heldBytes = 0;
  private readonly origin: RequestOrigin;
  private readonly onLost: () => void;
  private connection: PrivateConnection | null = null;
  private held: HeldRequest[] = [];
  /** The client needs it no more. */
  isReleased = false;

  /** `onLost`: called once what was inflight or held has failed. */
  constructor(origin: RequestOrigin, onLost: () => void) {
    this.origin = origin;
    this.variant = origin.variant;
    this.onLost = onLost;
  }

  /** By which the server knows it; 0: not yet, or not any more. */
  get connectionNumber(): number {
    return this.connection?.number ?? 0;
  }

  get heldRequests(): number {
    return this.held.length;
  }

  /** Something is held until it can be sent. */
  get isWaiting(): boolean {
    return this.held.length > 0 && this.backend !== null;
  }

  /** The first request names the server. It may fail before this returns, but not be answered. */
  send(target: Backend, request: Request, bytes: RequestBytes): void {
    if (this.lostReason !== null) {
      request.sink?.onFailure(request, this.lostReason);
      return;
    }
    this.hold(request, bytes);
    if (this.backend === null) {
      this.backend = target;
      target.acquirePrivate(this);
    } else this.sendHeld();
  }

  /** Keeps what goes out before the first request that `send` gets; its reply is dropped. */
  keep(bytes: RequestBytes): void {
    this.hold(null, bytes);
  }

  /** As `keep`, before all that is kept; and what the server is given even before that. */
  keepFirst(bytes: Buffer, remedies: readonly Remedy[]): void {
    const gifts = new Set(remedies.flatMap(remedy => remedy.gifts));
    this.held.unshift({ request: null, bytes: new RequestBytes().set(bytes, 0, bytes.length, null), gift: null });
    this.held.unshift(...[...gifts].map(gift => ({ request: null, bytes: NO_BYTES, gift })));
  }

  /** Keeps what the server is given ahead of the first request that `send` gets. */
  give(remedy: Remedy | null): void {
    if (remedy === null || !remedy.isGivenAhead) return;
    for (const gift of remedy.gifts) this.held.push({ request: null, bytes: NO_BYTES, gift });
  }

  /** Forgets what was kept. */
  dropKept(): void {
    for (const { bytes } of this.held) bytes.release();
    this.held = [];
    this.heldBytes = 0;
  }

  /** What was kept goes with somebody else. */
  takeKept(): RequestBytes[] {
    const kept = this.held.map(({ bytes }) => bytes);
    this.held = [];
    this.heldBytes = 0;
    return kept;
  }

  /** Lets go of the server, and what it keeps on the connection: the next request names another one. */
  restart(): void {
    const { backend, connection } = this;
    this.dropKept();
    this.backend = null;
    this.connection = null;
    this.lostReason = null;
    if (backend === null || this.isReleased) return;
    if (connection === null) backend.cancelPrivate(this);
    else backend.releasePrivate(connection, false);
  }

  /** Sends what is held, if it is time. */
  sendHeld(): void {
    const { connection, held } = this;
    if (connection === null || held.length === 0) return;
    const first = held.find(({ request }) => request !== null);
    if (connection.inflightRequests === 0 && first?.request && !this.origin.isNext(first.request)) return;
    this.held = [];
    this.heldBytes = 0;
    for (const { request, bytes, gift } of held) {
      if (gift !== null) giveAnew(connection, [gift]);
      else connection.send(request ?? new Request(null, 0), bytes);
      bytes.release();
    }
  }

  /** Ends the connection, unless a reply is to come on it. */
  cut(reason: FailureReason): void {
    const { connection } = this;
    if (connection !== null && !this.isWaiting && connection.inflightRequests === 0) connection.cut(reason);
  }

  /** The client needs it no more. `isClean`: the server keeps nothing for it, so another may have it. */
  release(isClean: boolean): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.dropKept();
    const { backend, connection } = this;
    this.connection = null;
    if (backend === null || this.lostReason !== null) return;
    if (connection === null) backend.cancelPrivate(this);
    else backend.releasePrivate(connection, isClean);
  }

  onConnection(connection: PrivateConnection): void {
    this.connection = connection;
    this.sendHeld();
  }

  onRefused(reason: FailureReason): void {
    this.lose(reason);
  }

  onConnectionLost(connection: PrivateConnection, reason: FailureReason): void {
    // Another has taken its place.
    if (connection === this.connection) this.lose(reason);
  }

  private hold(request: Request | null, bytes: RequestBytes): void {
    const kept = bytes.keep();
    this.heldBytes += kept.heldBytes;
    this.held.push({ request, bytes: kept, gift: null });
  }

  private lose(reason: FailureReason): void {
    if (this.isReleased) return;
    this.connection = null;
    this.lostReason = reason;
    const { held } = this;
    this.held = [];
    this.heldBytes = 0;
    for (const { request, bytes } of held) {
      bytes.release();
      request?.sink?.onFailure(request, reason);
    }
    // One of them may have gone on elsewhere.
    if (this.lostReason !== null) this.onLost();
  }
}
