import type { RequestParser } from '../../protocol/protocol.ts';
import { HOLD_RUN } from '../../protocol/routes.ts';
import { Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import type { PrivateLane, RequestOrigin } from '../request-origin.ts';

/**
 * A transaction that came in one piece, all of it for one server: its requests go out one directly after the other on the
 * connection that all share, and nothing of others gets between them. It lasts from the request that opens it to the one that
 * runs it, and the client is not paused in between.
 */
export class WholeTransaction implements PrivateLane {
  readonly isBusy = false;
  readonly isBlocking = false;
  readonly isGoingThrough = true;
  readonly memoryBytes = 0;
  private readonly origin: RequestOrigin;
  private readonly connection: BackendConnection;

  /** `connection` has room for all of it. */
  constructor(origin: RequestOrigin, connection: BackendConnection) {
    this.origin = origin;
    this.connection = connection;
  }

  take(parser: RequestParser, bytes: RequestBytes): boolean {
    const { origin } = this;
    const request = new Request(origin, parser.replyKind);
    request.isSilent = parser.isNoreply;
    origin.enqueue(request);
    this.connection.send(request, bytes);
    if (parser.hold === HOLD_RUN) origin.leavePrivate();
    return true;
  }

  /** Where something is blocked, none is begun. */
  refuseNext(): boolean {
    return false;
  }

  onAnswered(): void {}

  interrupt(): boolean {
    return false;
  }

  unblock(_isError: boolean, then: (wasBlocked: boolean) => void): void {
    then(false);
  }

  abandon(): void {}
}
