import { chained } from '../protocol/chained-transform.ts';
import type { AskClients } from '../protocol/client-inquiry.ts';
import type { KeySweep } from '../protocol/key-sweep.ts';
import type { Protocol, RequestReading } from '../protocol/protocol.ts';
import {
  HOLD_ABORT,
  HOLD_DISCARD,
  HOLD_OPEN,
  HOLD_RUN,
  HOLD_UNWATCH,
  type Hold,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_ASIDE,
  ROUTE_AUDIENCE,
  ROUTE_CLIENTS,
  ROUTE_EVERY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_PRIVATE,
  ROUTE_PUBLICATION,
  ROUTE_SAME_SERVER,
  ROUTE_SERVER,
  ROUTE_SLOT,
  ROUTE_SPLIT,
  ROUTE_SUBSCRIPTION,
  ROUTE_SWEEP,
} from '../protocol/routes.ts';
import type { SubscriptionWords } from '../protocol/subscription-words.ts';
import { TOPIC_SHARD } from '../protocol/topics.ts';
import type { FailureReason } from '../request/failure.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from '../upstream/backend.ts';
import type { Pool } from '../upstream/pool.ts';
import type { SubscriptionHub } from '../upstream/subscription-hub.ts';
import { SignInPenalty } from './entrance/sign-in-penalty.ts';
import { askAside } from './operations/aside.ts';
import { broadcast } from './operations/broadcast.ts';
import { accessOf, commonOwner, SEVERAL } from './operations/common-owner.ts';
import { forward } from './operations/forward.ts';
import { inquire } from './operations/inquire.ts';
import { readElsewhere, readsOf } from './operations/read-elsewhere.ts';
import { refuse } from './operations/refuse.ts';
import { RefusedWhole } from './operations/refused-whole.ts';
import { SlotForward } from './operations/slot-forward.ts';
import { Split } from './operations/split.ts';
import { Sweep } from './operations/sweep.ts';
import { SweepTurns } from './operations/sweep-turns.ts';
import { WholeTransaction } from './operations/whole-transaction.ts';
import { ClusterSession } from './private/cluster-session.ts';
import type { KeptLimits } from './private/kept-transaction.ts';
import type { RequestBlocks } from './request-blocks.ts';
import type { RequestOrigin } from './request-origin.ts';
import { DeferredRequest } from './resharding/deferred-request.ts';
import type { ReshardLimits } from './resharding/reshard-limits.ts';
import { Resharding } from './resharding/resharding.ts';
import { RingSession } from './resharding/ring-session.ts';
import { Subscriber } from './subscriber.ts';
import type { SubscriptionLimits } from './subscription-limits.ts';

export interface RouterLimits extends KeptLimits {
  /** How long a request that asks all servers again and again may take. */
  readonly sweepTimeoutMs: number;
  /** How many of these may go on at once. */
  readonly maxSweeps: number;
  readonly reshard: ReshardLimits;
  readonly subscriptions: SubscriptionLimits;
}

const NOTHING = Buffer.alloc(0);

/**
 * Chooses what is done for the request that the parser has just read: an operation of `operations/`. One per pool and
 * worker; servers come and go under it.
 */
export class Router {
  /** A command that can't be split goes where its first key is, right or wrong (as in twemproxy). */
  sendsToFirstKey: boolean;
  limits: RouterLimits;
  /** What an operator has blocked; null: nothing. */
  blocks: RequestBlocks | null = null;
  /** Null: the pool is not between two rings, and nothing waits any more because it was. */
  resharding: Resharding | null = null;
  /** Of all workers; by default there are none. */
  askClients: AskClients = (_question, then) => then([], false);
  private readonly pool: Pool;
  private readonly protocol: Protocol;
  private readonly split: Split;
  private readonly sweeps: SweepTurns;
  readonly penalty = new SignInPenalty();
  /** Null: the pool is a ring. */
  readonly cluster: SlotForward | null;

  constructor(pool: Pool, protocol: Protocol, sendsToFirstKey: boolean, limits: RouterLimits) {
    this.pool = pool;
    this.protocol = protocol;
    this.sendsToFirstKey = sendsToFirstKey;
    this.split = new Split(pool, protocol.cluster);
    this.limits = limits;
    this.sweeps = new SweepTurns(pool.clock, pool.stats, limits.maxSweeps);
    const isCluster = pool.cluster !== null && protocol.cluster !== null;
    this.cluster = isCluster ? new SlotForward(pool, protocol.cluster) : null;
  }

  /**
   * Acts on the request that `parser` has just parsed, and whose bytes need be valid during the call only. The client may
   * have its reply before this returns.
   */
  dispatch(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    if (this.resharding?.take(origin, parser, bytes)) return;
    this.dispatchNow(origin, parser, bytes);
  }

  /** The same for one that has waited for what it needs. */
  dispatchNow(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    if (this.blocks !== null && this.refusedBlocked(this.blocks, origin, parser, bytes)) return;
    if (origin.privateLane?.take(parser, bytes)) return;
    switch (parser.route) {
      case ROUTE_LOCAL:
        this.pool.stats.localReplies++;
        if (parser.isRefusedSignIn) this.refuseSignIn(origin, parser);
        else origin.answer(parser.reply, parser.closesClient);
        return;
      case ROUTE_KEY:
        if (this.cluster !== null) this.cluster.forward(origin, parser, bytes);
        else this.forward(origin, parser, this.backendOf(parser, bytes, 0), bytes);
        return;
      case ROUTE_SAME_SERVER:
        if (this.cluster !== null) this.cluster.forwardTogether(origin, parser, bytes);
        else this.forwardTogether(origin, parser, bytes);
        return;
      case ROUTE_SPLIT:
        if (this.cluster !== null) this.cluster.split(origin, parser, bytes);
        else this.split.start(origin, parser, accessOf(parser), bytes);
        return;
      case ROUTE_ANY:
        forward(origin, parser, this.pool.pickAny(), bytes);
        return;
      case ROUTE_ALL:
        broadcast(this.pool, origin, parser, bytes, false);
        return;
      case ROUTE_ASIDE:
        askAside(this.pool, origin, parser, bytes);
        return;
      case ROUTE_EVERY:
        broadcast(this.pool, origin, parser, bytes, true);
        return;
      case ROUTE_SERVER:
        forward(origin, parser, this.pool.backends[parser.serverPlace] ?? null, bytes);
        return;
      case ROUTE_SLOT:
        this.cluster?.forwardToSlot(origin, parser, parser.slot, bytes);
        return;
      case ROUTE_SWEEP:
        if (parser.sweep !== null) this.beginSweep(origin, parser, parser.sweep);
        return;
      case ROUTE_PRIVATE:
        this.goPrivate(origin, parser, bytes);
        return;
      case ROUTE_PUBLICATION:
        this.publish(origin, parser, bytes);
        return;
      case ROUTE_AUDIENCE:
        this.askAudience(origin, parser, bytes);
        return;
      case ROUTE_CLIENTS:
        if (parser.inquiry !== null) inquire(origin, parser.inquiry, parser.isNoreply, this.askClients);
        return;
      case ROUTE_SUBSCRIPTION:
        this.subscribe(origin, parser, bytes);
        return;
    }
  }

  /**
   * A transaction of so many requests that came whole, whose keys are those in `parser`: goes on the shared connection if it is for
   * one server that has room for it. What is dispatched next is its first request.
   */
  openWhole(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes, requests: number): void {
    // Something of it may have to be refused, and then none of it is to be run.
    if (this.blocks !== null) return;
    if (this.cluster !== null) {
      this.cluster.openWhole(origin, parser, bytes, this.protocol.transactions);
      return;
    }
    if (origin.line !== null || this.resharding?.isFree(origin, parser, bytes) === false) return;
    const owner = parser.keyCount === 0 ? this.pool.pickAny() : commonOwner(this.pool, parser, bytes);
    if (owner === null || owner === SEVERAL) return;
    const connection = owner.connectionFor(origin.id, origin.variant);
    if (connection.hasRoomFor(requests, bytes.sizeBytes)) {
      origin.privateLane = new WholeTransaction(origin, connection, parser.remedy);
    }
  }

  /** One that came whole is not to be run; false: what was asked before it is not answered yet, so that it is refused in parts. */
  refuseWhole(origin: RequestOrigin): boolean {
    const { transactions } = this.protocol;
    if (origin.line !== null || transactions === null) return false;
    origin.privateLane = new RefusedWhole(origin, transactions);
    return true;
  }

  /** The pool may be between two rings now, or not any more. */
  poolChanged(): void {
    const { pool, protocol, limits } = this;
    if (pool.reshard !== null) this.resharding ??= new Resharding(pool, protocol, this, limits.reshard);
    this.resharding?.poolChanged();
  }

  reshardOver(): void {
    this.resharding = null;
  }

  /** Keys of the request are on the move, and can't be brought. */
  refuseMoving(origin: RequestOrigin, parser: RequestReading): void {
    this.refuseDeferred(origin, parser, 'moving');
  }

  /** A name in it is none of the clients' while keys move. */
  refuseReserved(origin: RequestOrigin, parser: RequestReading): void {
    this.refuseDeferred(origin, parser, 'reserved_name');
  }

  /** The request just parsed may be answered with `refuse`. */
  mayRefuse({ line }: RequestOrigin, parser: RequestReading): boolean {
    // What stands in line is answered after what was asked before it. All that a transaction is made of was let through already.
    return line === null && !isUnrefusable(parser) && !(parser.route === ROUTE_PRIVATE && parser.hold === HOLD_RUN);
  }

  /** The request is not to be done. */
  refuse(origin: RequestOrigin, parser: RequestReading, reason: FailureReason): void {
    if (!origin.privateLane?.refuseNext(parser, this.protocol.failureReply(reason))) refuse(origin, parser, reason);
  }

  /** It may have been asked before. */
  private refuseDeferred(origin: RequestOrigin, parser: RequestReading, reason: FailureReason): void {
    const resumed = parser instanceof DeferredRequest ? parser.resumes : null;
    if (resumed !== null) resumed.sink?.onFailure(resumed, reason);
    else this.refuse(origin, parser, reason);
  }

  private beginSweep(origin: RequestOrigin, parser: RequestReading, sweep: KeySweep): void {
    const { pool, sweeps, limits } = this;
    sweeps.limit = limits.maxSweeps;
    new Sweep(pool, origin, parser, sweep, limits.sweepTimeoutMs, sweeps);
  }

  private refuseSignIn(origin: RequestOrigin, parser: RequestReading): void {
    this.pool.stats.refusedSignIns++;
    this.penalty.answer(origin, parser, this.pool.clock.turnMs());
  }

  private refusedBlocked(
    blocks: RequestBlocks,
    origin: RequestOrigin,
    parser: RequestReading,
    bytes: RequestBytes,
  ): boolean {
    if (isUnrefusable(parser) || !blocks.covers(parser, bytes, blocks.needsPeer ? origin.peer : '')) return false;
    this.pool.stats.blockedRequests++;
    this.refuse(origin, parser, 'blocked');
    return true;
  }

  private backendOf(parser: RequestReading, { keyBuf }: RequestBytes, key: number): Backend | null {
    const { keyStarts, keyEnds } = parser;
    return this.pool.pick(keyBuf, keyStarts[key] as number, keyEnds[key] as number, accessOf(parser));
  }

  private forwardTogether(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    const owner = this.sendsToFirstKey ? this.backendOf(parser, bytes, 0) : commonOwner(this.pool, parser, bytes);
    if (owner === SEVERAL) {
      this.pool.stats.forwardError++;
      origin.answer(parser.isNoreply ? NOTHING : this.protocol.crossServerReply, false);
    } else {
      this.forward(origin, parser, owner, bytes);
    }
  }

  private forward(origin: RequestOrigin, parser: RequestReading, owner: Backend | null, bytes: RequestBytes): void {
    const reads = this.pool.reads === null ? null : readsOf(this.pool, origin, parser);
    const words = this.protocol.cluster;
    if (reads === null || owner === null || words === null) forward(origin, parser, owner, bytes);
    else readElsewhere(this.pool, reads, words, origin, parser, owner, bytes);
  }

  /** The clients of this worker count, of which the server sees one. */
  private publish(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    const hub = this.hub();
    const { keyStarts, keyEnds, keyBuf, topicKind } = parser;
    const name = hub.isIdle ? '' : (keyBuf ?? bytes.buf).toString('latin1', keyStarts[0], keyEnds[0]);
    const counted = hub.isIdle ? null : this.words.publicationReply(hub, topicKind, name);
    const transform = chained(counted, parser.transform);
    if (this.cluster !== null && topicKind === TOPIC_SHARD) this.cluster.forward(origin, parser, bytes, transform);
    else forward(origin, parser, this.backendOf(parser, bytes, 0), bytes, transform);
  }

  private askAudience(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    const isCounting = parser.isCountingListeners;
    const counted = isCounting ? this.words.audienceReply(this.hub(), parser.topicKind) : null;
    const transform = chained(counted, parser.transform);
    broadcast(this.pool, origin, parser, bytes, false, transform);
  }

  private get words(): SubscriptionWords {
    const { subscriptions, name } = this.protocol;
    if (subscriptions === null) throw new Error(`${name} has no requests about topics`);
    return subscriptions;
  }

  private hub(): SubscriptionHub {
    return this.pool.subscriptions(this.words);
  }

  private subscribe(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    origin.subscriptions ??= new Subscriber(origin, this.hub(), this.words);
    origin.subscriptions.take(parser, bytes, this.limits.subscriptions);
  }

  /** A request that was asked before is asked anew, once its keys are where it goes. */
  private askAgain(origin: RequestOrigin, request: DeferredRequest): void {
    if (this.resharding !== null) this.resharding.wait(origin, request);
    else {
      this.dispatchNow(origin, request, request.bytes);
      request.release();
    }
  }

  /** The client needs a server connection of its own from here on. */
  private goPrivate(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    const { pool, protocol } = this;
    const words = protocol.transactions;
    if (words === null) throw new Error(`${protocol.name} has no requests for private connections`);
    const { limits, cluster } = this;
    const askAgain = (request: DeferredRequest) => this.askAgain(origin, request);
    const lane =
      cluster === null
        ? new RingSession(origin, pool, protocol, words, limits, askAgain)
        : new ClusterSession(origin, pool, protocol, words, limits, cluster);
    origin.privateLane = lane;
    lane.take(parser, bytes);
  }
}

/** What we answer ourselves goes on, and so does what begins a transaction or gives one up: the client's state is by it. */
function isUnrefusable({ route, hold }: RequestReading): boolean {
  return route === ROUTE_LOCAL || (route === ROUTE_PRIVATE && isOfState(hold));
}

function isOfState(hold: Hold): boolean {
  return hold === HOLD_OPEN || hold === HOLD_DISCARD || hold === HOLD_ABORT || hold === HOLD_UNWATCH;
}
