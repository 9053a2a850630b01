import type { Protocol } from '../../protocol/protocol.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import { InterruptedReply } from '../operations/interrupted-reply.ts';
import { UnblockReply } from '../operations/unblock-reply.ts';
import type { RequestOrigin } from '../request-origin.ts';
import type { OwnConnection } from './own-connection.ts';

/** A client's wait at its server, by a command that blocks; it is ended by asking the server, so that nothing is lost. */
export class ServerWait {
  /** The request that waits, or did last. */
  request: Request | null = null;
  /** Takes its reply. */
  sink: ReplySink;
  private readonly origin: RequestOrigin;
  private readonly protocol: Protocol;
  private readonly own: OwnConnection;

  constructor(origin: RequestOrigin, protocol: Protocol, own: OwnConnection) {
    this.origin = origin;
    this.sink = origin;
    this.protocol = protocol;
    this.own = own;
  }

  begin(request: Request, sink: ReplySink): void {
    this.request = request;
    this.sink = sink;
  }

  /** The client has to go. False: it does not wait. */
  interrupt(): boolean {
    const { request, origin } = this;
    const { waits } = this.protocol;
    if (request === null || waits === null || !this.end(new Request(null, 0), true)) return false;
    this.request = null;
    request.sink = new InterruptedReply(origin, this.sink, waits);
    return true;
  }

  /** Ends the wait as if its time had run out, or with an error; `then` hears whether there was one. */
  unblock(isError: boolean, then: (wasBlocked: boolean) => void): void {
    const { waits } = this.protocol;
    if (waits === null || !this.end(new Request(new UnblockReply(waits, then), 0), isError)) then(false);
  }

  /** Asks the server by `question`. False: the client does not wait there now. */
  private end(question: Request, isError: boolean): boolean {
    const { own, request, origin } = this;
    const { waits } = this.protocol;
    const { backend, connectionNumber } = own;
    if (request === null || request.isSettled || waits === null || backend === null || connectionNumber === 0)
      return false;
    const bytes = waits.unblock(connectionNumber, isError);
    backend
      .connectionFor(origin.id, origin.variant)
      .send(question, new RequestBytes().set(bytes, 0, bytes.length, null), null);
    return true;
  }
}
