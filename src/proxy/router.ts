import {
  type Protocol,
  type RequestParser,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_SAME_SERVER,
  ROUTE_SPLIT,
} from '../protocol/protocol.ts';
import { type ReplySink, Request } from '../request/request.ts';
import { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from '../upstream/backend.ts';
import type { Pool } from '../upstream/pool.ts';
import { FragmentedRequest, type FragmentParent } from './fragmented-request.ts';

/** The client side of a request. */
export interface RequestOrigin extends ReplySink, FragmentParent {
  readonly id: number;
  /** `Session.variant` of the client's session. */
  readonly variant: number;
  /** Puts a request in the client's order of replies. */
  enqueue(request: Request): void;
  /** Answers without a server. `bytes` is never written to again; empty: no answer. */
  answer(bytes: Buffer, closesClient: boolean): void;
}

const NO_OWNERS = new Int32Array(0);
const NO_BACKEND = -1;
const MEMBERS_MIN = 64;

/** Sends what the parser has just read to the servers it belongs to. One per pool and worker. */
export class Router {
  private readonly pool: Pool;
  private readonly protocol: Protocol;
  private readonly sendsToFirstKey: boolean;
  /** Scratch: part of each backend, and its reverse; the keys of each part, and how many they are. */
  private readonly partOfBackend: Int32Array;
  private readonly backendOfPart: Int32Array;
  private readonly members: Int32Array[] = [];
  private readonly memberCounts: Int32Array;
  private readonly owners = new OwnersMemory();
  private readonly fragmentBytes = new RequestBytes();

  /** `sendsToFirstKey`: a command that can't be split goes where its first key is, right or wrong (as in twemproxy). */
  constructor(pool: Pool, protocol: Protocol, sendsToFirstKey: boolean) {
    this.pool = pool;
    this.protocol = protocol;
    this.sendsToFirstKey = sendsToFirstKey;
    this.partOfBackend = new Int32Array(pool.backends.length);
    this.backendOfPart = new Int32Array(pool.backends.length);
    this.memberCounts = new Int32Array(pool.backends.length);
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
        this.forward(origin, parser, this.pickKey(parser, bytes.buf, 0), bytes);
        return;
      case ROUTE_SAME_SERVER:
        this.forwardTogether(origin, parser, bytes);
        return;
      case ROUTE_SPLIT:
        this.split(origin, parser, bytes);
        return;
      case ROUTE_ANY:
        this.forward(origin, parser, this.pool.pickAny(), bytes);
        return;
      case ROUTE_ALL:
        this.broadcast(origin, parser, bytes);
        return;
    }
  }

  private pickKey(parser: RequestParser, buf: Buffer, key: number): number {
    return this.pool.pick(buf, parser.keyStarts[key] as number, parser.keyEnds[key] as number);
  }

  private forward(origin: RequestOrigin, parser: RequestParser, backend: number, bytes: RequestBytes): void {
    const request = this.enqueue(origin, parser);
    if (backend === NO_BACKEND) this.refuse(origin, request);
    else this.send(request, backend, origin, bytes);
  }

  private send(request: Request, backend: number, origin: RequestOrigin, bytes: RequestBytes): void {
    const target = this.pool.backends[backend] as Backend;
    target.connectionFor(origin.id, origin.variant).send(request, bytes);
  }

  private refuse(origin: RequestOrigin, request: Request): void {
    origin.onFailure(request, 'no_backend');
  }

  private enqueue(origin: RequestOrigin, parser: RequestParser): Request {
    const request = new Request(origin, parser.replyKind);
    request.isSilent = parser.isNoreply;
    origin.enqueue(request);
    return request;
  }

  private forwardTogether(origin: RequestOrigin, parser: RequestParser, bytes: RequestBytes): void {
    const backend = this.pickKey(parser, bytes.buf, 0);
    if (!this.sendsToFirstKey) {
      for (let i = 1; i < parser.keyCount; i++) {
        if (this.pickKey(parser, bytes.buf, i) === backend) continue;
        this.pool.stats.forwardError++;
        origin.answer(this.protocol.crossServerReply, false);
        return;
      }
    }
    this.forward(origin, parser, backend, bytes);
  }

  /** One fragment per server that owns a key of the request; the request itself when it is a single one. */
  private split(origin: RequestOrigin, parser: RequestParser, bytes: RequestBytes): void {
    const { pool, partOfBackend, backendOfPart, members, memberCounts, fragmentBytes } = this;
    const { keyCount, keyStarts, keyEnds } = parser;
    const { buf, start, end } = bytes;
    const owners = this.owners.take(keyCount);
    partOfBackend.fill(-1);
    let parts = 0;
    for (let i = 0; i < keyCount; i++) {
      const backend = pool.pick(buf, keyStarts[i] as number, keyEnds[i] as number);
      if (backend === NO_BACKEND) {
        this.forward(origin, parser, NO_BACKEND, bytes);
        return;
      }
      let part = partOfBackend[backend] as number;
      if (part < 0) {
        part = parts++;
        partOfBackend[backend] = part;
        backendOfPart[part] = backend;
        memberCounts[part] = 0;
      }
      owners[i] = part;
      const count = (memberCounts[part] as number)++;
      const keys = members[part];
      if (keys !== undefined && count < keys.length) keys[count] = i;
      else this.addMember(part, count, i);
    }
    if (parts === 1) {
      this.forward(origin, parser, backendOfPart[0] as number, bytes);
      return;
    }
    this.owners.keep(keyCount);
    const request = this.enqueue(origin, parser);
    const whole = new FragmentedRequest(origin, request, parser.coalescer, owners, parts);
    pool.stats.fragments += parts;
    for (let part = 0; part < parts; part++) {
      const own = parser.fragment(buf, start, end, members[part] as Int32Array, memberCounts[part] as number);
      const fragment = new Request(whole, parser.replyKind);
      fragment.part = part;
      fragmentBytes.set(own.block.bytes, 0, own.length, own.block);
      this.send(fragment, backendOfPart[part] as number, origin, fragmentBytes);
      own.block.release();
    }
  }

  /** Puts key `key` at `index` of a part's keys, where there is no room yet. */
  private addMember(part: number, index: number, key: number): void {
    const keys = new Int32Array(Math.max(MEMBERS_MIN, index * 2));
    const old = this.members[part];
    if (old !== undefined) keys.set(old);
    keys[index] = key;
    this.members[part] = keys;
  }

  /** The same request to every server of the pool that is in the ring. */
  private broadcast(origin: RequestOrigin, parser: RequestParser, bytes: RequestBytes): void {
    const { backends } = this.pool;
    const request = this.enqueue(origin, parser);
    let count = 0;
    for (let i = 0; i < backends.length; i++) if ((backends[i] as Backend).isLive) count++;
    if (count === 0) {
      this.refuse(origin, request);
      return;
    }
    const whole = new FragmentedRequest(origin, request, parser.coalescer, NO_OWNERS, count);
    let part = 0;
    for (let i = 0; i < backends.length; i++) {
      if (!(backends[i] as Backend).isLive) continue;
      const fragment = new Request(whole, parser.replyKind);
      fragment.part = part++;
      this.send(fragment, i, origin, bytes);
    }
  }
}

/**
 * Memory for the owners of keys, in slabs, as `Buffer.allocUnsafe` has them: a typed array of its own for each request
 * would cost several times a view of one. A slab is the collector's once the last request of it is.
 */
class OwnersMemory {
  private slab = new Int32Array(OWNERS_SLAB);
  private used = 0;

  /** Room for `count` owners, which is another's with the next call unless `keep` comes first. */
  take(count: number): Int32Array {
    if (count > OWNERS_SLAB / 4) return new Int32Array(count);
    if (this.used + count > OWNERS_SLAB) {
      this.slab = new Int32Array(OWNERS_SLAB);
      this.used = 0;
    }
    return this.slab.subarray(this.used, this.used + count);
  }

  keep(count: number): void {
    if (count <= OWNERS_SLAB / 4) this.used += count;
  }
}

/** 32 KiB. */
const OWNERS_SLAB = 8192;
