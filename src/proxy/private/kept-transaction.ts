import type { RequestReading } from '../../protocol/protocol.ts';
import type { Remedy } from '../../protocol/remedy.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { OwnConnection } from './own-connection.ts';

/** What may be kept; `bufferBytes` of requests. */
export interface KeptLimits {
  readonly maxPipeline: number;
  readonly bufferBytes: number;
}

/**
 * What a client has queued in a transaction of which no server knows yet: it lies with its own connection, before all that is sent
 * there, and its client was told that it is queued.
 */
export class KeptTransaction {
  /** What the server needs for it. */
  readonly remedies: Remedy[] = [];
  private readonly own: OwnConnection;
  private readonly opening: Buffer;
  private readonly limits: KeptLimits;

  /** `opening`: the request that opens a transaction. */
  constructor(own: OwnConnection, opening: Buffer, limits: KeptLimits) {
    this.own = own;
    this.opening = opening;
    this.limits = limits;
  }

  hasRoomFor(bytes: RequestBytes): boolean {
    const { own, limits } = this;
    return own.heldRequests < limits.maxPipeline && own.heldBytes + bytes.sizeBytes < limits.bufferBytes;
  }

  /** The request just parsed, for which there is room. */
  add(parser: RequestReading, bytes: RequestBytes): void {
    if (parser.remedy?.isGivenAhead) this.remedies.push(parser.remedy);
    this.own.keep(bytes);
  }

  /** The server hears of the transaction before what was kept of it. */
  open(): void {
    this.own.keepFirst(this.opening, this.remedies);
  }

  /** All of it goes with somebody else; the requests, in their order. */
  take(): RequestBytes[] {
    return this.own.takeKept();
  }
}
