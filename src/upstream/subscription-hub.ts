import type { PoolStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import { Fifo } from '../memory/fifo.ts';
import type { HolderWalk } from '../memory/memory-ceiling.ts';
import { ACCESS_WRITE, type Access } from '../placement/placement.ts';
import type { SubscriptionWords } from '../protocol/subscription-words.ts';
import { type Listeners, TOPIC_CHANNEL, TOPIC_PATTERN, TOPIC_SHARD, type TopicKind } from '../protocol/topics.ts';
import type { Backend } from './backend.ts';
import type { TellCrowds } from './crowd.ts';
import type { OtherCrowds } from './other-crowds.ts';
import { OwnCrowds } from './own-crowds.ts';
import { type MessageOwner, SubscriptionLink } from './subscription-link.ts';
import { SEAT_TAKEN, SEAT_WAITING, type Seat, Topic, type TopicSubscriber, type TopicWaiter } from './topic.ts';
import type { TopicMessage } from './topic-message.ts';

/** The pool, as far as a hub knows it. */
export interface HubPool {
  readonly backends: readonly Backend[];
  readonly clock: Clock;
  readonly stats: PoolStats;
  readonly spreadsAtRandom: boolean;
  /** Its servers pass on to each other what is published: it is heard at any of them, but for what each tells of its own keys. */
  readonly isOneForMessages: boolean;
  /** Those that have keys of their own. */
  readonly holders: readonly Backend[];
  readonly otherCrowds: OtherCrowds;
  readonly tellCrowds: TellCrowds;
  pick(buf: Buffer, start: number, end: number, access: Access): Backend | null;
  /** Where what has that name is, or will be soon. */
  pickAllHomes(name: Buffer): readonly Backend[];
  /** Of a cluster: what a node says in place of a reply may name the owner of the slot; that is noted. False: it is no such word. */
  heed(error: Buffer, from: Backend): boolean;
  /** Of a cluster: how long somebody may wait for the owner of a slot. */
  readonly patienceMs: number;
}

/** A topic that has moved is heard at both servers for so long: others may yet publish where it was. */
const MOVING_MS = 5000;
/** A channel that its server does not have any more is asked for so often. */
const REHOME_MS = 50;
/** So many topics are moved at once, and the rest when the sockets were read. */
const MOVED_AT_ONCE = 1000;

/**
 * All subscriptions of a pool's clients in one worker: each topic once, at the server where it is published. Whatever becomes of
 * servers, their clients stay subscribed.
 *
 *   subscribers ⇄ topic ⇄ seat ⇄ link ⇄ server          channel: the server of its name, as if it were a key
 *                       └ seat ⇄ link ⇄ server          pattern, and what each server tells of its own keys: all of them
 */
export class SubscriptionHub implements MessageOwner, Listeners {
  private readonly pool: HubPool;
  private readonly words: SubscriptionWords;
  private readonly links = new Map<Backend, SubscriptionLink>();
  /** By kind, and name. */
  private readonly topics: readonly Map<string, Topic>[] = [new Map(), new Map(), new Map()];
  readonly ownCrowds: OwnCrowds;
  /** To be moved to where they are published now. */
  private moving: Topic[] = [];
  private isMoving = false;
  /** Channels of shards whose server does not have them any more; they are moved to the owner of their slot, again and again. */
  private readonly homeless = new Set<Topic>();
  private rehomedAtMs = 0;
  /** Seats that their topics have moved away from, or did for a while. */
  private readonly leaving = new Fifo<Seat>();

  constructor(pool: HubPool, words: SubscriptionWords) {
    this.pool = pool;
    this.words = words;
    this.ownCrowds = new OwnCrowds((crowds, then) => pool.tellCrowds(crowds, then));
  }

  /** Of all clients, each counted. */
  get subscriptions(): number {
    return this.pool.stats.subscriptions;
  }

  /** Nobody in this worker has subscribed to anything, and in no other more than a server sees. */
  get isIdle(): boolean {
    return this.pool.otherCrowds.areNone && this.topics.every(topics => topics.size === 0);
  }

  beyondOne(kind: TopicKind, name: string, isOfMessage: boolean): number {
    let listeners = beyondOneOf(this.topics[kind]?.get(name));
    const { otherCrowds } = this.pool;
    if (!otherCrowds.areNone) listeners += otherCrowds.beyond(kind, name, isOfMessage, this.words.matcher);
    if (!isOfMessage || kind !== TOPIC_CHANNEL) return listeners;
    for (const topic of (this.topics[TOPIC_PATTERN] as Map<string, Topic>).values()) {
      if (topic.subscribers.size > 1 && topic.matches(name)) listeners += beyondOneOf(topic);
    }
    return listeners;
  }

  /** The topic of that name, asked for at its servers. It stays as long as somebody waits or is subscribed. */
  await(kind: TopicKind, name: Buffer, waiter: TopicWaiter): Topic {
    const key = name.toString('latin1');
    const topics = this.topics[kind] as Map<string, Topic>;
    let topic = topics.get(key);
    // One that its servers are leaving is asked for anew.
    if (topic === undefined || topic.isDropped) {
      const isOnEveryServer = this.words.isOnEveryServer(kind, name) || this.pool.spreadsAtRandom;
      topic = new Topic(kind, name, key, isOnEveryServer, kind === TOPIC_PATTERN ? this.words.matcher(key) : null);
      topics.set(key, topic);
      this.pool.stats.topics++;
      for (const backend of this.homesOf(topic)) this.linkTo(backend).join(topic);
    }
    topic.waiters.add(waiter);
    return topic;
  }

  /** `waiter` is served, or gone. */
  dismiss(topic: Topic, waiter: TopicWaiter): void {
    topic.waiters.delete(waiter);
    if (topic.isUnused) this.drop(topic);
  }

  /** True: the other workers have yet to hear of it. */
  subscribe(topic: Topic, subscriber: TopicSubscriber): boolean {
    topic.subscribers.add(subscriber);
    this.pool.stats.subscriptions++;
    return this.ownCrowds.changed(topic.kind, topic.key, topic.beyondOne);
  }

  /** True: the other workers have yet to hear of it. */
  unsubscribe(topic: Topic, subscriber: TopicSubscriber): boolean {
    topic.subscribers.delete(subscriber);
    this.pool.stats.subscriptions--;
    const isToBeTold = this.ownCrowds.changed(topic.kind, topic.key, topic.beyondOne);
    if (topic.isUnused) this.drop(topic);
    return isToBeTold;
  }

  onMessage(kind: TopicKind, name: string, message: TopicMessage): void {
    this.pool.stats.messagesIn++;
    this.topics[kind]?.get(name)?.deliver(message);
  }

  onLinkLost(): void {
    this.pool.stats.subscriptionsLost++;
  }

  onRefused(seat: Seat, error: Buffer | null): boolean {
    const { pool } = this;
    const { topic, link } = seat;
    if (error !== null && !pool.heed(error, link.backend)) return false;
    const { nowMs } = pool.clock;
    if (seat.refusedAtMs === 0) seat.refusedAtMs = nowMs;
    this.homeless.add(topic);
    if (error === null) pool.stats.subscriptionsLost++;
    // Who is about to subscribe does not wait for ever; who has subscribed does.
    return error === null || nowMs - seat.refusedAtMs < pool.patienceMs;
  }

  /** Servers have come or gone: topics move to where they are published now. */
  serversChanged(): void {
    this.moving = this.topics.flatMap(topics => [...topics.values()]);
    if (!this.isMoving) this.moveSome();
  }

  /** All topics are, or can't be, where they are published. */
  get isSettled(): boolean {
    const isWaiting = (topic: Topic) => topic.seats.some(({ state }) => state === SEAT_WAITING);
    return !this.isMoving && !this.topics.some(topics => [...topics.values()].some(isWaiting));
  }

  /** Once per tick of the worker's clock. */
  checkDeadlines(nowMs: number): void {
    if (this.homeless.size > 0 && nowMs - this.rehomedAtMs >= REHOME_MS) this.rehome(nowMs);
    // In the order of their times.
    while (this.leaving.length > 0 && nowMs >= (this.leaving.peek() as Seat).leavesAtMs) {
      const seat = this.leaving.shift() as Seat;
      if (seat.leavesAtMs > 0) seat.link.leave(seat);
    }
    for (const [backend, link] of this.links) {
      link.checkDeadline(nowMs);
      if (!link.isUnused || this.pool.backends.includes(backend)) continue;
      link.close();
      this.links.delete(backend);
    }
  }

  close(): void {
    for (const link of this.links.values()) link.close();
    this.links.clear();
  }

  readonly eachHolder: HolderWalk = visit => {
    for (const link of this.links.values()) link.eachHolder(visit);
  };

  private readonly moveSome = (): void => {
    this.isMoving = true;
    for (const topic of this.moving.splice(-MOVED_AT_ONCE)) if (!topic.isUnused) this.move(topic);
    this.isMoving = this.moving.length > 0;
    if (this.isMoving) setImmediate(this.moveSome);
  };

  private move(topic: Topic): void {
    const homes = this.homesOf(topic);
    const left = topic.seats.filter(seat => !homes.includes(seat.link.backend));
    for (const backend of homes) {
      const seat = topic.seats.find(each => each.link.backend === backend);
      if (seat === undefined) this.linkTo(backend).join(topic);
      else {
        seat.leavesAtMs = 0;
        if (seat.refusedAtMs > 0) seat.link.askAgain(seat);
      }
    }
    for (const seat of left) {
      if (seat.leavesAtMs > 0) continue;
      seat.leavesAtMs = this.pool.clock.nowMs + MOVING_MS;
      this.leaving.push(seat);
    }
    topic.seatChanged();
  }

  private rehome(nowMs: number): void {
    this.rehomedAtMs = nowMs;
    const topics = [...this.homeless];
    this.homeless.clear();
    for (const topic of topics) if (!topic.isUnused) this.move(topic);
  }

  private homesOf(topic: Topic): readonly Backend[] {
    const { pool } = this;
    const { kind, name, isOnEveryServer } = topic;
    if (pool.isOneForMessages && kind !== TOPIC_SHARD) {
      return this.words.isOfEachServer(kind, name) ? pool.holders : this.anyHome(topic);
    }
    if (isOnEveryServer) return pool.holders.filter(backend => backend.isLive);
    return pool.pickAllHomes(name);
  }

  /** Where it is now, as long as that is of use: elsewhere it would be heard twice for a while. */
  private anyHome({ name, seats }: Topic): readonly Backend[] {
    const { pool } = this;
    const now = seats.find(({ link: { backend }, leavesAtMs }) => leavesAtMs === 0 && pool.backends.includes(backend));
    if (now !== undefined && now.link.backend.whyDown(0) === null) return [now.link.backend];
    const usual = pool.pick(name, 0, name.length, ACCESS_WRITE);
    const home = usual?.whyDown(0) === null ? usual : pool.holders.find(backend => backend.whyDown(0) === null);
    return home === undefined ? [] : [home];
  }

  private linkTo(backend: Backend): SubscriptionLink {
    let link = this.links.get(backend);
    if (link === undefined) {
      this.endOthersTo(backend);
      link = new SubscriptionLink(backend, this.words, this);
      this.links.set(backend, link);
    }
    return link;
  }

  /** A server that went and is back, or has another password, must not tell everything twice. */
  private endOthersTo(backend: Backend): void {
    for (const [other, link] of this.links) {
      if (!other.isSameServer(backend)) continue;
      link.end();
      this.links.delete(other);
    }
  }

  /** It stays as long as its servers may send messages: those who leave hear them until they are told that they have left. */
  private drop(topic: Topic): void {
    if (topic.isDropped) return;
    topic.isDropped = true;
    this.pool.stats.topics--;
    for (const seat of [...topic.seats]) seat.link.leave(seat);
    const topics = this.topics[topic.kind] as Map<string, Topic>;
    const forget = () => {
      // There may be another by that name.
      if (topics.get(topic.key) === topic) topics.delete(topic.key);
    };
    if (topic.departing === 0) forget();
    else {
      topic.onDeparted = () => {
        forget();
        for (const leaver of topic.leavers) leaver.onTopicLeft(topic);
      };
    }
  }
}

/** The server sees one of them, if it sends messages at all. */
function beyondOneOf(topic: Topic | undefined): number {
  return topic === undefined || topic.subscribers.size === 0 || topic.state !== SEAT_TAKEN ? 0 : topic.beyondOne;
}
