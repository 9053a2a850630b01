import type { Block } from '../../memory/block.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { PrivateConnection } from '../../upstream/private-connection.ts';
import type { PrivateConnectionWaiter } from '../../upstream/private-connections.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { CoalescedReply } from './coalesced-reply.ts';
import { forward } from './forward.ts';

const NO_OWNERS = new Int32Array(0);

/**
 * The same request to every server of the ring, each on a connection that nothing else is asked on meanwhile: what holds up those
 * that clients share does not hold this up. Their replies are merged. `parser.variants` has the variant of the connections.
 */
export function askAside(pool: Pool, origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
  const backends = pool.holders.filter(backend => backend.isLive);
  if (backends.length === 0) {
    forward(origin, parser, null, bytes);
    return;
  }
  const { coalescer, transform, replyKind } = parser;
  const variant = parser.variants?.[0] ?? origin.variant;
  const request = new Request(origin, replyKind);
  request.isSilent = parser.isNoreply;
  request.part = backends.length;
  origin.enqueue(request);
  const whole = new CoalescedReply(origin, request, coalescer, NO_OWNERS, backends.length, transform);
  for (const [part, backend] of backends.entries()) new AsidePart(backend, variant, whole, replyKind, part).ask(bytes);
}

/** What one server is asked, and the connection that it has for that. */
class AsidePart implements PrivateConnectionWaiter, ReplySink {
  readonly variant: number;
  private readonly backend: Backend;
  private readonly whole: CoalescedReply;
  private readonly request: Request;
  private bytes: RequestBytes | null = null;
  private connection: PrivateConnection | null = null;

  constructor(backend: Backend, variant: number, whole: CoalescedReply, replyKind: number, part: number) {
    this.backend = backend;
    this.variant = variant;
    this.whole = whole;
    this.request = new Request(this, replyKind);
    this.request.part = part;
  }

  /** `bytes` need be valid during the call only. */
  ask(bytes: RequestBytes): void {
    this.bytes = bytes.keep();
    this.backend.acquirePrivate(this);
  }

  onConnection(connection: PrivateConnection): void {
    this.connection = connection;
    const { bytes } = this;
    if (bytes !== null) connection.send(this.request, bytes);
    this.forget();
  }

  onRefused(reason: FailureReason): void {
    this.forget();
    this.whole.onFailure(this.request, reason);
  }

  /** What was asked on it has failed already. */
  onConnectionLost(): void {
    this.connection = null;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    this.whole.onReply(request, buf, start, end, isLast, block);
    if (isLast) this.giveBack(true);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.giveBack(false);
    this.whole.onFailure(request, reason);
  }

  private giveBack(isClean: boolean): void {
    if (this.connection !== null) this.backend.releasePrivate(this.connection, isClean);
    this.connection = null;
  }

  private forget(): void {
    this.bytes?.release();
    this.bytes = null;
  }
}
