import type { RequestParser } from '../../protocol/protocol.ts';
import type { ReplyTransform } from '../../protocol/reply-transform.ts';
import { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import { give } from '../../upstream/given-gifts.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { CoalescedReply } from './coalesced-reply.ts';
import { forward } from './forward.ts';

const NO_OWNERS = new Int32Array(0);
const companionBytes = new RequestBytes();

/**
 * The same request to every server of the pool that is in the ring, or to those that are not, too (it fails then); their
 * replies are merged. `Coalescer.companion` goes out with it.
 */
export function broadcast(
  pool: Pool,
  origin: RequestOrigin,
  parser: RequestParser,
  bytes: RequestBytes,
  isForEvery: boolean,
  transform: ReplyTransform | null = parser.transform,
): void {
  const live: Backend[] = [];
  for (const backend of pool.holders) if (isForEvery || backend.isLive) live.push(backend);
  if (live.length === 0) {
    forward(origin, parser, null, bytes);
    return;
  }
  const variants = parser.variants ?? [origin.variant];
  const { companion } = parser.coalescer;
  const companions = companion === undefined ? 0 : live.length;
  const parts = companions + live.length * variants.length;
  const request = new Request(origin, parser.replyKind);
  request.isSilent = parser.isNoreply;
  request.part = parts;
  origin.enqueue(request);
  const whole = new CoalescedReply(origin, request, parser.coalescer, NO_OWNERS, parts, transform);
  for (let place = 0; place < parts - companions; place++) {
    const backend = live[place % live.length] as Backend;
    const connection = backend.connectionFor(origin.id, variants[Math.floor(place / live.length)] as number);
    if (parser.remedy?.isGivenAhead) give(connection, parser.remedy.gifts);
    if (companion !== undefined) {
      connection.send(partOf(whole, parser, place), companionBytes.set(companion, 0, companion.length, null));
    }
    connection.send(partOf(whole, parser, companions + place), bytes);
  }
}

function partOf(whole: CoalescedReply, { replyKind }: RequestParser, part: number): Request {
  const request = new Request(whole, replyKind);
  request.part = part;
  return request;
}
