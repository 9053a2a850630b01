import type { Access } from '../../placement/placement.ts';
import type { ClusterWords, RequestReading } from '../../protocol/protocol.ts';
import { FLAG_VALUES } from '../../protocol/routes.ts';
import { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { ReadChoice } from '../../upstream/read-choice.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { CoalescedReply } from './coalesced-reply.ts';
import { forward } from './forward.ts';
import { KeyOwners } from './key-owners.ts';
import { ReplicaRead, readElsewhere, readsOf } from './read-elsewhere.ts';

const MEMBERS_MIN = 64;

/**
 * One fragment per server that owns a key of the request; the request itself when it is a single one. One per pool and
 * worker, for its scratch memory.
 */
export class Split {
  private readonly pool: Pool;
  private readonly words: ClusterWords | null;
  /** Part of each backend by its place in the pool, and its reverse. */
  private partOfBackend = new Int32Array(0);
  private readonly backendOfPart: Backend[] = [];
  /** The keys of each part, and how many they are. */
  private readonly members: Int32Array[] = [];
  private memberCounts = new Int32Array(0);
  private readonly owners = new KeyOwners();
  private readonly fragmentBytes = new RequestBytes();

  /** `words`: by which servers say that they serve nobody; null: they don't. */
  constructor(pool: Pool, words: ClusterWords | null) {
    this.pool = pool;
    this.words = words;
  }

  start(origin: RequestOrigin, parser: RequestReading, access: Access, bytes: RequestBytes): void {
    const { pool, backendOfPart, members } = this;
    const { keyCount, keyStarts, keyEnds } = parser;
    const { keyBuf } = bytes;
    if (this.partOfBackend.length < pool.backends.length) this.makeRoom(pool.backends.length);
    const { partOfBackend, memberCounts } = this;
    const owners = this.owners.take(keyCount);
    partOfBackend.fill(-1);
    let parts = 0;
    for (let i = 0; i < keyCount; i++) {
      const backend = pool.pick(keyBuf, keyStarts[i] as number, keyEnds[i] as number, access);
      if (backend === null) {
        forward(origin, parser, null, bytes);
        return;
      }
      let part = partOfBackend[backend.place] as number;
      if (part < 0) {
        part = parts++;
        partOfBackend[backend.place] = part;
        backendOfPart[part] = backend;
        memberCounts[part] = 0;
      }
      owners[i] = part;
      const count = (memberCounts[part] as number)++;
      const keys = members[part];
      if (keys !== undefined && count < keys.length) keys[count] = i;
      else this.addMember(part, count, i);
    }
    const reads = pool.reads === null ? null : readsOf(pool, origin, parser);
    if (parts === 1) {
      const [owner] = backendOfPart as [Backend];
      if (reads === null || this.words === null) forward(origin, parser, owner, bytes);
      else readElsewhere(pool, reads, this.words, origin, parser, owner, bytes);
      return;
    }
    this.owners.keep(keyCount);
    this.send(origin, parser, bytes, owners, parts, reads);
  }

  private send(
    origin: RequestOrigin,
    parser: RequestReading,
    bytes: RequestBytes,
    owners: Int32Array,
    parts: number,
    reads: ReadChoice | null,
  ): void {
    const { backendOfPart, members, memberCounts, fragmentBytes } = this;
    const { buf, start, end } = bytes;
    const request = new Request(origin, parser.replyKind);
    request.isSilent = parser.isNoreply;
    request.part = parts;
    origin.enqueue(request);
    const whole = new CoalescedReply(origin, request, parser.coalescer, owners, parts, parser.transform);
    this.pool.stats.fragments += parts;
    const asksValues = (parser.flags & FLAG_VALUES) !== 0;
    for (let part = 0; part < parts; part++) {
      const { block, length } = parser.fragment(
        buf,
        start,
        end,
        members[part] as Int32Array,
        memberCounts[part] as number,
      );
      const fragment = new Request(whole, parser.replyKind);
      fragment.part = part;
      if (asksValues) fragment.valuesAsked = memberCounts[part] as number;
      fragmentBytes.set(block.bytes, 0, length, block);
      const backend = backendOfPart[part] as Backend;
      if (reads === null) backend.connectionFor(origin.id, origin.variant).send(fragment, fragmentBytes, origin.tenant);
      else this.read(origin, reads, fragment, backend);
      block.release();
    }
  }

  /** `fragmentBytes` for `fragment`, to whoever answers reads for `primary`. */
  private read(origin: RequestOrigin, reads: ReadChoice, fragment: Request, primary: Backend): void {
    const { pool, fragmentBytes, words } = this;
    const backend = reads.pick(primary, origin.variant);
    if (backend === null) fragment.sink?.onFailure(fragment, 'no_replica');
    else if (backend === primary || words === null) {
      backend.connectionFor(origin.id, origin.variant).send(fragment, fragmentBytes, origin.tenant);
    } else {
      pool.stats.replicaReads++;
      new ReplicaRead(pool, reads, words, origin, fragment, primary, fragmentBytes).go(backend);
    }
  }

  /** Servers have come to the pool. */
  private makeRoom(backends: number): void {
    this.partOfBackend = new Int32Array(backends);
    this.memberCounts = new Int32Array(backends);
  }

  /** Puts key `key` at `index` of a part's keys, where there is no room yet. */
  private addMember(part: number, index: number, key: number): void {
    const keys = new Int32Array(Math.max(MEMBERS_MIN, index * 2));
    const old = this.members[part];
    if (old !== undefined) keys.set(old);
    keys[index] = key;
    this.members[part] = keys;
  }
}
