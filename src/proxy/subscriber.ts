import type { RequestReading } from '../protocol/protocol.ts';
import type { SubscriptionWords } from '../protocol/subscription-words.ts';
import { NO_TOPICS, type TopicCounts, type TopicKind, type TopicScope } from '../protocol/topics.ts';
import { Request } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { SubscriptionHub } from '../upstream/subscription-hub.ts';
import { SEAT_FAILED, SEAT_WAITING, type Topic, type TopicSubscriber, type TopicWaiter } from '../upstream/topic.ts';
import type { TopicMessage } from '../upstream/topic-message.ts';
import type { RequestOrigin, Subscriptions } from './request-origin.ts';
import type { SubscriptionLimits } from './subscription-limits.ts';

/** What a subscription costs beside the topic's name: a place in the client's list, and one in the topic's. */
const SUBSCRIPTION_BYTES = 128;

/** One request to subscribe, or to leave, that is not answered. */
interface Order {
  readonly request: Request;
  readonly kind: TopicKind;
  readonly isLeaving: boolean;
  /** Its client wants no replies. */
  readonly isNoreply: boolean;
  /** As they stand in the request; empty: all of the kind. */
  readonly names: readonly Buffer[];
  /** The same, of those that are subscribed to. */
  readonly topics: readonly Topic[];
  /** What the client reads once all who count subscribers know; null: it is not carried out. */
  confirmation: Buffer | null;
  /** Topics that were left, … */
  readonly left: Topic[];
  /** … and those of which a server may send messages yet. */
  readonly departing: Set<Topic>;
  /** The other workers have yet to hear of it. */
  isUntold: boolean;
}

/** So much may come for a client that waits for a confirmation; with more it is confirmed at once. */
const EARLY_MAX_BYTES = 256 * 1024;

/*
 * What one client has subscribed to:
 *
 *   SUBSCRIBE ─▶ order: the servers have said yes ─▶ all that it asked before is answered ─▶ subscribed ─▶ all who count ─▶ confirmed
 *                  └─ one of them has not: one error for all, and nothing is subscribed to               subscribers know
 *   UNSUBSCRIBE ─▶ all that it asked before is answered ─▶ not counted any more ─▶ the servers say so ─▶ confirmed
 *
 * Whoever publishes after a confirmation is told the right number. Messages that come between subscribing and its confirmation
 * are kept until that is sent; those that come until a leaving is confirmed are delivered.
 *
 * While it has an order no more of its requests are taken, so confirmations and replies have the client's order, and no message
 * comes before the confirmation that it follows.
 */
export class Subscriber implements Subscriptions, TopicSubscriber, TopicWaiter {
  private readonly origin: RequestOrigin;
  private readonly hub: SubscriptionHub;
  private readonly words: SubscriptionWords;
  /** By kind and name. */
  private readonly topics: readonly Map<string, Topic>[] = [new Map(), new Map(), new Map()];
  private counts: TopicCounts = NO_TOPICS;
  private keptBytes = 0;
  private order: Order | null = null;
  /** The version of the protocol that the client reads now: replies may be due that are of another. */
  private variant: number;
  /** How it sees topics; null: as the servers do. */
  private scope: TopicScope | null = null;
  private isGone = false;
  /** Messages that follow the confirmation. */
  private early: TopicMessage[] = [];
  private earlyBytes = 0;

  constructor(origin: RequestOrigin, hub: SubscriptionHub, words: SubscriptionWords) {
    this.origin = origin;
    this.hub = hub;
    this.words = words;
    this.variant = origin.variant;
  }

  get isBusy(): boolean {
    return this.order !== null;
  }

  get isListening(): boolean {
    return this.counts !== NO_TOPICS;
  }

  get memoryBytes(): number {
    return this.keptBytes + this.earlyBytes;
  }

  /** Acts on a request of ROUTE_SUBSCRIPTION. */
  take(parser: RequestReading, bytes: RequestBytes, limits: SubscriptionLimits): void {
    const { origin, hub } = this;
    const { topicKind: kind, isLeavingTopics: isLeaving } = parser;
    this.scope = parser.topicScope;
    const names = namesOf(parser, bytes);
    const request = new Request(null, 0);
    // Confirmations come like messages, also to a client that wants no replies. What is refused is a reply.
    const { isNoreply } = parser;
    origin.enqueue(request);
    const more = isLeaving ? 0 : this.countNew(kind, names);
    const [channels, patterns, shards] = this.counts;
    if (channels + patterns + shards + more > limits.ofClient || hub.subscriptions + more > limits.ofWorker) {
      request.isSilent = isNoreply;
      origin.failWith(request, this.words.tooManyReply);
      return;
    }
    const topics = isLeaving ? [] : names.map(name => hub.await(kind, name, this));
    const progress = { confirmation: null, left: [], departing: new Set<Topic>(), isUntold: false };
    this.order = { request, isNoreply, kind, isLeaving, names, topics, ...progress };
    this.proceed();
  }

  onTopicSettled(): void {
    this.proceed();
  }

  onAnswered(): void {
    this.followVersion();
    this.proceed();
  }

  afterRequest(): void {
    this.followVersion();
    // The client began anew.
    if (this.origin.topics !== this.counts) this.leaveAll();
  }

  onTopicLeft(topic: Topic): void {
    this.order?.departing.delete(topic);
    this.confirm();
  }

  onMessage(told: TopicMessage): void {
    const { order, scope } = this;
    const message = scope === null ? told : told.seenIn(scope);
    if (message === null) return;
    if (order !== null && order.confirmation !== null && !order.isLeaving) {
      this.early.push(message);
      this.earlyBytes += message.sizeBytes;
      if (this.earlyBytes > EARLY_MAX_BYTES) this.answer(order);
      return;
    }
    this.push(message);
  }

  private push(message: TopicMessage): void {
    this.origin.push(message.beginningWith(this.words.firstByte(this.variant)));
  }

  abandon(): void {
    this.isGone = true;
    const { order } = this;
    this.order = null;
    this.early = [];
    this.earlyBytes = 0;
    if (order !== null) this.forget(order);
    this.leaveAll();
  }

  /** With all its replies the client has that to the request by which it changed the version. */
  private followVersion(): void {
    if (this.origin.length === 0) this.variant = this.origin.variant;
  }

  private countNew(kind: TopicKind, names: readonly Buffer[]): number {
    const topics = this.topics[kind] as Map<string, Topic>;
    const added = new Set<string>();
    for (const name of names) {
      const key = name.toString('latin1');
      if (!topics.has(key)) added.add(key);
    }
    return added.size;
  }

  /** Carries the order out, if it is time. */
  private proceed(): void {
    const { order, origin } = this;
    if (order === null || order.confirmation !== null || !origin.isNext(order.request)) return;
    let refused: Topic | null = null;
    for (const topic of order.topics) {
      const { state } = topic;
      if (state === SEAT_WAITING) return;
      if (state === SEAT_FAILED) refused ??= topic;
    }
    if (refused !== null) this.refuse(order, refused);
    else if (order.isLeaving) this.leave(order);
    else this.subscribe(order);
  }

  private refuse(order: Order, { failure }: Topic): void {
    this.order = null;
    this.forget(order);
    order.request.isSilent = order.isNoreply;
    if (typeof failure === 'string') this.origin.onFailure(order.request, failure);
    else this.origin.failWith(order.request, failure);
  }

  private subscribe(order: Order): void {
    const { hub } = this;
    const { kind, names } = order;
    const topics = this.topics[kind] as Map<string, Topic>;
    const confirmations: Buffer[] = [];
    for (const [i, topic] of order.topics.entries()) {
      if (!topics.has(topic.key)) {
        topics.set(topic.key, topic);
        this.keptBytes += topic.name.length + SUBSCRIPTION_BYTES;
        if (hub.subscribe(topic, this)) order.isUntold = true;
        this.recount();
      }
      confirmations.push(this.confirmation(kind, false, names[i] as Buffer));
    }
    this.settle(order, confirmations);
  }

  private leave(order: Order): void {
    const { kind } = order;
    const topics = this.topics[kind] as Map<string, Topic>;
    const names = order.names.length > 0 ? order.names : [...topics.values()].map(topic => topic.name);
    const confirmations = names.map(name => {
      const topic = topics.get(name.toString('latin1'));
      if (topic !== undefined) this.leaveTopic(order, topics, topic);
      return this.confirmation(kind, true, name);
    });
    if (names.length === 0) confirmations.push(this.confirmation(kind, true, null));
    this.settle(order, confirmations);
  }

  private leaveTopic(order: Order, topics: Map<string, Topic>, topic: Topic): void {
    topics.delete(topic.key);
    this.keptBytes -= topic.name.length + SUBSCRIPTION_BYTES;
    topic.leavers.add(this);
    order.left.push(topic);
    if (this.hub.unsubscribe(topic, this)) order.isUntold = true;
    if (topic.isDeparting) order.departing.add(topic);
    this.recount();
  }

  /** It is carried out, and confirmed once those who have to know of it do. */
  private settle(order: Order, confirmations: readonly Buffer[]): void {
    order.confirmation = confirmations.length === 1 ? (confirmations[0] as Buffer) : Buffer.concat(confirmations);
    if (order.isUntold) {
      this.hub.ownCrowds.whenTold(() => {
        order.isUntold = false;
        if (this.order === order) this.confirm();
      });
    }
    this.confirm();
  }

  private confirm(): void {
    const { order } = this;
    if (order === null || order.confirmation === null || order.isUntold || order.departing.size > 0) return;
    this.answer(order);
  }

  private confirmation(kind: TopicKind, isLeaving: boolean, name: Buffer | null): Buffer {
    const shown = name === null || this.scope === null ? name : this.scope.shownName(name);
    return this.words.confirmation(kind, isLeaving, shown, this.counts, this.origin.variant);
  }

  private answer(order: Order): void {
    const { origin } = this;
    const bytes = order.confirmation as Buffer;
    this.order = null;
    this.forget(order);
    this.variant = origin.variant;
    const { early } = this;
    this.early = [];
    this.earlyBytes = 0;
    origin.onReply(order.request, bytes, 0, bytes.length, true, null);
    for (const message of early) this.push(message);
  }

  private forget({ topics, left }: Order): void {
    for (const topic of topics) this.hub.dismiss(topic, this);
    for (const topic of left) topic.leavers.delete(this);
  }

  private leaveAll(): void {
    for (const topics of this.topics) {
      for (const topic of topics.values()) this.hub.unsubscribe(topic, this);
      topics.clear();
    }
    this.keptBytes = 0;
    this.recount();
  }

  private recount(): void {
    const [channels, patterns, shards] = this.topics.map(topics => topics.size) as [number, number, number];
    this.counts = channels + patterns + shards === 0 ? NO_TOPICS : [channels, patterns, shards];
    if (!this.isGone) this.origin.topics = this.counts;
  }
}

function namesOf({ keyCount, keyStarts, keyEnds, keyBuf }: RequestReading, { buf }: RequestBytes): Buffer[] {
  const names: Buffer[] = [];
  const source = keyBuf ?? buf;
  for (let i = 0; i < keyCount; i++) names.push(Buffer.from(source.subarray(keyStarts[i], keyEnds[i])));
  return names;
}
