import type { RequestParser, SubscriptionWords } from '../protocol/protocol.ts';
import { NO_TOPICS, type TopicCounts, type TopicKind } from '../protocol/topics.ts';
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
  /** As they stand in the request; empty: all of the kind. */
  readonly names: readonly Buffer[];
  /** The same, of those that are subscribed to. */
  readonly topics: readonly Topic[];
}

/*
 * What one client has subscribed to:
 *
 *   SUBSCRIBE ─▶ order: the servers have said yes ─▶ all that it asked before is answered ─▶ confirmed; messages come from now on
 *                  └─ one of them has not: one error for all, and nothing is subscribed to
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
  private isGone = false;

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
    return this.keptBytes;
  }

  /** Acts on a request of ROUTE_SUBSCRIPTION. */
  take(parser: RequestParser, bytes: RequestBytes, limits: SubscriptionLimits): void {
    const { origin, hub } = this;
    const { topicKind: kind, isLeavingTopics: isLeaving } = parser;
    const names = namesOf(parser, bytes);
    const request = new Request(null, 0);
    request.isSilent = parser.isNoreply;
    origin.enqueue(request);
    const more = isLeaving ? 0 : this.countNew(kind, names);
    const [channels, patterns, shards] = this.counts;
    if (channels + patterns + shards + more > limits.ofClient || hub.subscriptions + more > limits.ofWorker) {
      origin.failWith(request, this.words.tooManyReply);
      return;
    }
    const topics = isLeaving ? [] : names.map(name => hub.await(kind, name, this));
    this.order = { request, kind, isLeaving, names, topics };
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

  onMessage(message: TopicMessage): void {
    this.origin.push(message.beginningWith(this.words.firstByte(this.variant)));
  }

  abandon(): void {
    this.isGone = true;
    const { order } = this;
    this.order = null;
    if (order !== null) this.dismiss(order);
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
    if (order === null || !origin.isNext(order.request)) return;
    let refused: Topic | null = null;
    for (const topic of order.topics) {
      const { state } = topic;
      if (state === SEAT_WAITING) return;
      if (state === SEAT_FAILED) refused ??= topic;
    }
    this.order = null;
    if (refused !== null) this.refuse(order, refused);
    else if (order.isLeaving) this.leave(order);
    else this.subscribe(order);
  }

  private refuse(order: Order, { failure }: Topic): void {
    this.dismiss(order);
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
        hub.subscribe(topic, this);
        this.recount();
      }
      confirmations.push(this.confirmation(kind, false, names[i] as Buffer));
    }
    this.dismiss(order);
    this.answer(order, confirmations);
  }

  private leave(order: Order): void {
    const { kind } = order;
    const topics = this.topics[kind] as Map<string, Topic>;
    const names = order.names.length > 0 ? order.names : [...topics.values()].map(topic => topic.name);
    const confirmations = names.map(name => {
      this.leaveTopic(topics, name.toString('latin1'));
      return this.confirmation(kind, true, name);
    });
    if (names.length === 0) confirmations.push(this.confirmation(kind, true, null));
    this.answer(order, confirmations);
  }

  private confirmation(kind: TopicKind, isLeaving: boolean, name: Buffer | null): Buffer {
    return this.words.confirmation(kind, isLeaving, name, this.counts, this.origin.variant);
  }

  private answer({ request }: Order, confirmations: readonly Buffer[]): void {
    const bytes = confirmations.length === 1 ? (confirmations[0] as Buffer) : Buffer.concat(confirmations);
    this.variant = this.origin.variant;
    this.origin.onReply(request, bytes, 0, bytes.length, true, null);
  }

  private dismiss({ topics }: Order): void {
    for (const topic of topics) this.hub.dismiss(topic, this);
  }

  private leaveTopic(topics: Map<string, Topic>, key: string): void {
    const topic = topics.get(key);
    if (topic === undefined) return;
    topics.delete(key);
    this.keptBytes -= topic.name.length + SUBSCRIPTION_BYTES;
    this.hub.unsubscribe(topic, this);
    this.recount();
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

function namesOf({ keyCount, keyStarts, keyEnds, keyBuf }: RequestParser, { buf }: RequestBytes): Buffer[] {
  const names: Buffer[] = [];
  const source = keyBuf ?? buf;
  for (let i = 0; i < keyCount; i++) names.push(Buffer.from(source.subarray(keyStarts[i], keyEnds[i])));
  return names;
}
