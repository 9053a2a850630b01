import type { RequestReading } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import { Request } from '../../request/request.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { TransformedReply } from './transformed-reply.ts';

/** A request that goes to no server: the client reads `reason` in its turn, in the words of its dialect. */
export function refuse(origin: RequestOrigin, parser: RequestReading, reason: FailureReason): void {
  const { transform } = parser;
  const sink = transform === null ? origin : new TransformedReply(origin, transform);
  const request = new Request(sink, parser.replyKind);
  request.isSilent = parser.isNoreply;
  origin.enqueue(request);
  sink.onFailure(request, reason);
}
