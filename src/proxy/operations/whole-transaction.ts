import type { RequestReading } from '../../protocol/protocol.ts';
import type { Remedy } from '../../protocol/remedy.ts';
import { HOLD_RUN } from '../../protocol/routes.ts';
import { Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import { giveAnew } from '../../upstream/given-gifts.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { RunWithGifts } from './run-with-gifts.ts';
import { replySink } from './transformed-reply.ts';
import { WholeLane } from './whole-lane.ts';

/**
 * A transaction that came in one piece, all of it for one server: its requests go out one directly after the other on the
 * connection that all share, and nothing of others gets between them. It lasts from the request that opens it to the one that
 * runs it, and the client is not paused in between.
 */
export class WholeTransaction extends WholeLane {
  readonly memoryBytes = 0;
  private readonly origin: RequestOrigin;
  private readonly connection: BackendConnection;
  private readonly remedy: Remedy | null;

  /** `connection` has room for all of it. `remedy`: what it needs of the server, which is given that here. */
  constructor(origin: RequestOrigin, connection: BackendConnection, remedy: Remedy | null) {
    super();
    this.origin = origin;
    this.connection = connection;
    this.remedy = remedy;
    if (remedy !== null) giveAnew(connection, remedy.gifts);
  }

  take(parser: RequestReading, bytes: RequestBytes): boolean {
    const { origin, connection, remedy } = this;
    const isRun = parser.hold === HOLD_RUN && remedy !== null;
    const plain = replySink(origin, parser.transform);
    const sink = isRun ? new RunWithGifts(plain, [remedy], connection.stream.gifts) : plain;
    const request = new Request(sink, parser.replyKind);
    request.isSilent = parser.isNoreply;
    origin.enqueue(request);
    request.isFollowed = parser.hold !== HOLD_RUN;
    connection.send(request, bytes, origin.tenant);
    if (parser.hold === HOLD_RUN) origin.leavePrivate();
    return true;
  }

  abandon(): void {}
}
