import type { Block } from '../../memory/block.ts';
import { ACCESS_WRITE } from '../../placement/placement.ts';
import { type ClusterWords, type RequestReading, WORD_DOWN } from '../../protocol/protocol.ts';
import { FLAG_VALUES } from '../../protocol/routes.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { KeptRead, ReadChoice } from '../../upstream/read-choice.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { accessOf } from './common-owner.ts';
import { forward } from './forward.ts';
import { refuse } from './refuse.ts';
import { TransformedReply } from './transformed-reply.ts';

/**
 * What chooses who answers the request just parsed; null: nobody but the primary may. Notes what a client writes, for its own
 * later reads.
 */
export function readsOf(pool: Pool, origin: RequestOrigin, parser: RequestReading): ReadChoice | null {
  const { reads } = pool;
  if (reads === null) return null;
  const { nowMs } = pool.clock;
  if (accessOf(parser) === ACCESS_WRITE) {
    origin.wroteAtMs = nowMs;
    return null;
  }
  // Between WATCH and EXEC it has to see what the transaction will.
  if (origin.privateLane !== null) return null;
  // What a replica lacks of that, its primary has to be given.
  if (parser.remedy !== null && !parser.remedy.isForReplicas) return null;
  const { ownWritesMs } = reads.options;
  return ownWritesMs > 0 && nowMs - origin.wroteAtMs < ownWritesMs ? null : reads;
}

/** As `forward`, of a request for keys of `primary` that others may answer, too. */
export function readElsewhere(
  pool: Pool,
  reads: ReadChoice,
  words: ClusterWords,
  origin: RequestOrigin,
  parser: RequestReading,
  primary: Backend,
  bytes: RequestBytes,
): void {
  const backend = reads.pick(primary, origin.variant);
  if (backend === null) {
    refuse(origin, parser, 'no_replica');
    return;
  }
  if (backend !== primary) pool.stats.replicaReads++;
  if (backend === primary || parser.remedy !== null) {
    forward(origin, parser, backend, bytes);
    return;
  }
  const { transform } = parser;
  const whole = new Request(transform === null ? origin : new TransformedReply(origin, transform), parser.replyKind);
  whole.isSilent = parser.isNoreply;
  if ((parser.flags & FLAG_VALUES) !== 0) whole.valuesAsked = parser.keyCount;
  origin.enqueue(whole);
  new ReplicaRead(pool, reads, words, origin, whole, primary, bytes).go(backend);
}

/**
 * A read on its way to a replica. Where that fails, or says that it serves nobody now, another server is asked, once: a read
 * that was done and not answered does no harm.
 *
 *   replica ── failure, LOADING, MASTERDOWN ──▶ the primary, or another replica ── reply, failure ─▶ client
 *      └── reply ─▶ client
 */
export class ReplicaRead implements ReplySink, KeptRead {
  private readonly pool: Pool;
  private readonly reads: ReadChoice;
  private readonly words: ClusterWords;
  private readonly originId: number;
  private readonly tenant: ReadyLine | null;
  private readonly variant: number;
  /** What the client waits for. */
  private readonly whole: Request;
  private readonly primary: Backend;
  private backend: Backend;
  private inner: Request;
  /** Null: it will not be sent again. */
  private bytes: RequestBytes | null;
  private keptBytes = 0;
  private isPassing = false;

  /** `whole`: enqueued, its sink takes what comes. `bytes` need be valid during the call only. */
  constructor(
    pool: Pool,
    reads: ReadChoice,
    words: ClusterWords,
    origin: RequestOrigin,
    whole: Request,
    primary: Backend,
    bytes: RequestBytes,
  ) {
    this.pool = pool;
    this.reads = reads;
    this.words = words;
    this.originId = origin.id;
    this.tenant = origin.tenant;
    this.variant = origin.variant;
    this.whole = whole;
    this.primary = primary;
    this.backend = primary;
    this.inner = this.newInner();
    this.bytes = bytes.keep();
    this.keptBytes = this.bytes.heldBytes;
    reads.memoryBytes += this.keptBytes;
    reads.kept.add(this);
  }

  /** Sends it. It may be answered before this returns. */
  go(backend: Backend): void {
    this.backend = backend;
    const { originId, variant, inner, bytes, tenant } = this;
    if (bytes !== null) backend.connectionFor(originId, variant).send(inner, bytes, tenant);
  }

  onReply(inner: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { words } = this;
    if (this.isPassing || this.bytes === null) this.pass(buf, start, end, isLast, block);
    else if (inner.heldBytes > 0) {
      inner.hold(buf, start, end, block);
      if (!isLast && inner.heldBytes <= words.maxBytes) return;
      const whole = inner.takeHeld();
      this.judge(whole, 0, whole.length, isLast, null);
    } else if (!words.mayBegin(buf[start] as number)) this.pass(buf, start, end, isLast, block);
    else if (isLast || end - start > words.maxBytes) this.judge(buf, start, end, isLast, block);
    else inner.hold(buf, start, end, block);
  }

  onFailure(inner: Request, reason: FailureReason): void {
    inner.dropHeld();
    // Whoever has waited so long waits no longer.
    if (reason !== 'timed_out' && reason !== 'overloaded' && !this.isPassing && this.askAnother()) return;
    const { whole } = this;
    this.done();
    whole.sink?.onFailure(whole, reason);
  }

  forget(): void {
    if (this.bytes === null) return;
    this.reads.memoryBytes -= this.keptBytes;
    this.reads.kept.delete(this);
    this.bytes.release();
    this.bytes = null;
  }

  private newInner(): Request {
    const inner = new Request(this, this.whole.replyKind);
    inner.valuesAsked = this.whole.valuesAsked;
    return inner;
  }

  /** An error that is there as a whole, or is too long to say that nobody is served. */
  private judge(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const isOut = isLast && this.words.read(buf, start, end).kind === WORD_DOWN;
    if (!isOut || !this.askAnother()) this.pass(buf, start, end, isLast, block);
  }

  private askAnother(): boolean {
    const { bytes, reads, primary, backend, variant } = this;
    if (bytes === null || this.whole.sink === null) return false;
    const other = reads.other(primary, backend, variant);
    if (other === null) return false;
    this.pool.stats.replicaReadsMoved++;
    this.inner = this.newInner();
    // Only once more.
    this.isPassing = true;
    this.go(other);
    return true;
  }

  private pass(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { whole } = this;
    this.isPassing = true;
    if (isLast) this.done();
    whole.sink?.onReply(whole, buf, start, end, isLast, block);
  }

  private done(): void {
    this.whole.timePart(this.inner);
    this.forget();
  }
}
