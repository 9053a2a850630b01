import { ACCESS_READ, ACCESS_WRITE, type Access } from '../placement/placement.ts';
import {
  FLAG_WRITES,
  type Protocol,
  type RequestParser,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_SAME_SERVER,
  ROUTE_SPLIT,
} from '../protocol/protocol.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from '../upstream/backend.ts';
import type { Pool } from '../upstream/pool.ts';
import { broadcast } from './operations/broadcast.ts';
import { forward } from './operations/forward.ts';
import { Split } from './operations/split.ts';
import type { RequestOrigin } from './request-origin.ts';

/**
 * Chooses what is done for the request that the parser has just read: an operation of `operations/`. One per pool and
 * worker; servers come and go under it.
 */
export class Router {
  /** A command that can't be split goes where its first key is, right or wrong (as in twemproxy). */
  sendsToFirstKey: boolean;
  private readonly pool: Pool;
  private readonly protocol: Protocol;
  private readonly split: Split;

  constructor(pool: Pool, protocol: Protocol, sendsToFirstKey: boolean) {
    this.pool = pool;
    this.protocol = protocol;
    this.sendsToFirstKey = sendsToFirstKey;
    this.split = new Split(pool);
  }

  /**
   * Acts on the request that `parser` has just parsed, and whose bytes need be valid during the call only. The client may
   * have its reply before this returns.
   */
  dispatch(origin: RequestOrigin, parser: RequestParser, bytes: RequestBytes): void {
    switch (parser.route) {
      case ROUTE_LOCAL:
        this.pool.stats.localReplies++;
        origin.answer(parser.reply, parser.closesClient);
        return;
      case ROUTE_KEY:
        forward(origin, parser, this.backendOf(parser, bytes, 0), bytes);
        return;
      case ROUTE_SAME_SERVER:
        this.forwardTogether(origin, parser, bytes);
        return;
      case ROUTE_SPLIT:
        this.split.start(origin, parser, accessOf(parser), bytes);
        return;
      case ROUTE_ANY:
        forward(origin, parser, this.pool.pickAny(), bytes);
        return;
      case ROUTE_ALL:
        broadcast(this.pool, origin, parser, bytes);
        return;
    }
  }

  private backendOf(parser: RequestParser, { buf }: RequestBytes, key: number): Backend | null {
    const { keyStarts, keyEnds, keyBuf } = parser;
    return this.pool.pick(keyBuf ?? buf, keyStarts[key] as number, keyEnds[key] as number, accessOf(parser));
  }

  private forwardTogether(origin: RequestOrigin, parser: RequestParser, bytes: RequestBytes): void {
    const backend = this.backendOf(parser, bytes, 0);
    if (!this.sendsToFirstKey) {
      for (let i = 1; i < parser.keyCount; i++) {
        if (this.backendOf(parser, bytes, i) === backend) continue;
        this.pool.stats.forwardError++;
        origin.answer(this.protocol.crossServerReply, false);
        return;
      }
    }
    forward(origin, parser, backend, bytes);
  }
}

function accessOf(parser: RequestParser): Access {
  return (parser.flags & FLAG_WRITES) === 0 ? ACCESS_READ : ACCESS_WRITE;
}
