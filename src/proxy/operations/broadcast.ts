import type { Block } from '../../memory/block.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import type { ReplyTransform } from '../../protocol/reply-transform.ts';
import { FLAG_WRITES } from '../../protocol/routes.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import { give } from '../../upstream/given-gifts.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { PartRing } from '../../upstream/pool-plan.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { CoalescedReply } from './coalesced-reply.ts';
import { forward } from './forward.ts';

const NO_OWNERS = new Int32Array(0);
const companionBytes = new RequestBytes();

/**
 * The same request to every server of the pool that is in the ring, or to those that are not, too (it fails then); their
 * replies are merged. `Coalescer.companion` goes out with it. Between two rings all servers of both are asked, and what writes goes
 * first to those that keys come from, then to those that they go to.
 */
export function broadcast(
  pool: Pool,
  origin: RequestOrigin,
  parser: RequestReading,
  bytes: RequestBytes,
  isForEvery: boolean,
  transform: ReplyTransform | null = parser.transform,
): void {
  const { reshard } = pool;
  // What is written everywhere must not miss a key that gets from a server that was not asked yet to one that was.
  const isWriting = (parser.flags & FLAG_WRITES) !== 0 && parser.coalescer.companion === undefined;
  const isTwice = reshard?.phase === 'both' && isWriting;
  const first = serversOf(pool, isForEvery, isTwice ? reshard.from : null);
  const second = isTwice ? serversOf(pool, isForEvery, reshard.to) : [];
  if (first.length === 0) {
    forward(origin, parser, null, bytes);
    return;
  }
  const variants = parser.variants ?? [origin.variant];
  const { companion } = parser.coalescer;
  const companions = companion === undefined ? 0 : first.length;
  const parts = companions + (first.length + second.length) * variants.length;
  const request = new Request(origin, parser.replyKind);
  request.isSilent = parser.isNoreply;
  request.part = parts;
  origin.enqueue(request);
  const whole = new CoalescedReply(origin, request, parser.coalescer, NO_OWNERS, parts, transform);
  const { replyKind, remedy } = parser;
  const { tenant } = origin;
  const send = (sink: ReplySink, backends: readonly Backend[], from: number, sent: RequestBytes) => {
    for (let i = 0; i < backends.length * variants.length; i++) {
      const backend = backends[i % backends.length] as Backend;
      const connection = backend.connectionFor(origin.id, variants[Math.floor(i / backends.length)] as number);
      if (remedy?.isGivenAhead) give(connection, remedy.gifts);
      if (companion !== undefined) {
        connection.send(partOf(sink, replyKind, i), companionBytes.set(companion, 0, companion.length, null), tenant);
      }
      connection.send(partOf(sink, replyKind, from + i), sent, tenant);
    }
  };
  if (!isTwice) {
    send(whole, first, companions, bytes);
    return;
  }
  const kept = bytes.keep();
  const count = first.length * variants.length;
  const round = new FirstRound(whole, count, () => {
    send(whole, second, count, kept);
    kept.release();
  });
  send(round, first, 0, kept);
}

/** Those of the pool in the ring, or all; `part`: only those of one of two rings. */
export function serversOf(pool: Pool, isForEvery: boolean, part: PartRing | null): readonly Backend[] {
  const places = part === null ? null : new Set(part.places);
  return pool.holders.filter((backend, place) => (isForEvery || backend.isLive) && (places?.has(place) ?? true));
}

function partOf(sink: ReplySink, replyKind: number, part: number): Request {
  const request = new Request(sink, replyKind);
  request.part = part;
  return request;
}

/** Passes replies on, and says when all have come. */
class FirstRound implements ReplySink {
  private readonly sink: ReplySink;
  private readonly done: () => void;
  private left: number;

  constructor(sink: ReplySink, count: number, done: () => void) {
    this.sink = sink;
    this.left = count;
    this.done = done;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    this.sink.onReply(request, buf, start, end, isLast, block);
    if (isLast && --this.left === 0) this.done();
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.sink.onFailure(request, reason);
    if (--this.left === 0) this.done();
  }
}
