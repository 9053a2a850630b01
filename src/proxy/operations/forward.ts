import type { RequestReading } from '../../protocol/protocol.ts';
import type { ReplyTransform } from '../../protocol/reply-transform.ts';
import { FLAG_VALUES } from '../../protocol/routes.ts';
import { Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import { give } from '../../upstream/given-gifts.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { refuse } from './refuse.ts';
import { RemediedReply } from './remedied-reply.ts';
import { TransformedReply } from './transformed-reply.ts';

/**
 * A request to one server, as it came; null: to none, since none is in the ring. The usual case, and one without an object of
 * its own: the reply goes straight from the server connection to the client's queue, unless the parser wants it changed.
 */
export function forward(
  origin: RequestOrigin,
  parser: RequestReading,
  backend: Backend | null,
  bytes: RequestBytes,
  transform: ReplyTransform | null = parser.transform,
): void {
  if (backend === null) {
    refuse(origin, parser, 'no_backend');
    return;
  }
  const { remedy } = parser;
  const plain = transform === null ? origin : new TransformedReply(origin, transform);
  const sink = remedy === null ? plain : new RemediedReply(origin, plain, backend, bytes, remedy);
  const request = new Request(sink, parser.replyKind);
  request.isSilent = parser.isNoreply;
  if ((parser.flags & FLAG_VALUES) !== 0) request.valuesAsked = parser.keyCount;
  origin.enqueue(request);
  const connection = backend.connectionFor(origin.id, origin.variant);
  if (remedy?.isGivenAhead) give(connection, remedy.gifts);
  connection.send(request, bytes, origin.tenant);
}
