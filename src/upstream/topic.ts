import type { TopicKind, TopicMatcher } from '../protocol/topics.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Backend } from './backend.ts';
import type { TopicMessage } from './topic-message.ts';

/** A client that has subscribed. */
export interface TopicSubscriber {
  onMessage(message: TopicMessage): void;
  /** No server sends messages any more on a topic that it leaves. */
  onTopicLeft(topic: Topic): void;
}

/** Who is about to subscribe. */
export interface TopicWaiter {
  /** The servers have said yes or no, or are known not to answer. */
  onTopicSettled(): void;
}

/** Not all servers have answered. */
export const SEAT_WAITING = 0;
/** The server sends messages. */
export const SEAT_TAKEN = 1;
/** It does not, for now. */
export const SEAT_FAILED = 2;
export type SeatState = 0 | 1 | 2;

/** Why a topic can't be had: our reason, or the server's own words. */
export type TopicFailure = FailureReason | Buffer;

/** The connection to a server that seats are at. */
export interface SeatLink {
  readonly backend: Backend;
  leave(seat: Seat): void;
  /** Asks for it once more. */
  askAgain(seat: Seat): void;
}

/** One topic's subscription at one server. */
export class Seat {
  readonly topic: Topic;
  readonly link: SeatLink;
  state: SeatState = SEAT_WAITING;
  failure: TopicFailure = 'no_backend';
  /** The topic has moved on to another server, which has it by then; 0: it has not. */
  leavesAtMs = 0;
  /** The server is not to have it any more, … */
  isLeft = false;
  /** … and has been asked to, but may have it yet. */
  isDeparting = false;
  /** The server says that the topic is another's, or that it can't have it now, since when; 0: it does not. */
  refusedAtMs = 0;

  constructor(topic: Topic, link: SeatLink) {
    this.topic = topic;
    this.link = link;
  }

  settle(state: SeatState, failure: TopicFailure = 'no_backend'): void {
    this.failure = failure;
    if (this.state === state) return;
    this.state = state;
    this.topic.seatChanged();
  }

  /** The server has been asked to send nothing more. */
  depart(): void {
    this.isDeparting = true;
    this.topic.departing++;
  }

  /** It does not, or is not waited for any longer. */
  departed(): void {
    if (!this.isDeparting) return;
    this.isDeparting = false;
    this.topic.departing--;
    if (this.topic.departing === 0) this.topic.onDeparted();
  }
}

/** What clients of this worker have subscribed to, or are about to: a channel, a pattern, a shard channel. */
export class Topic {
  readonly kind: TopicKind;
  readonly name: Buffer;
  /** Its name as a string, a character a byte. */
  readonly key: string;
  readonly isOnEveryServer: boolean;
  private readonly matcher: TopicMatcher | null;
  readonly subscribers = new Set<TopicSubscriber>();
  readonly waiters = new Set<TopicWaiter>();
  /** They are not counted any more, and hear what comes until their leaving is confirmed. */
  readonly leavers = new Set<TopicSubscriber>();
  /** Nobody needs it, and its servers are left. */
  isDropped = false;
  /** Seats that servers may have, though they were left. */
  departing = 0;
  /** The last of these is gone. */
  onDeparted: () => void = () => {};
  /** Where it is subscribed to, those it moves away from included. */
  seats: Seat[] = [];

  constructor(kind: TopicKind, name: Buffer, key: string, isOnEveryServer: boolean, matcher: TopicMatcher | null) {
    this.matcher = matcher;
    this.kind = kind;
    this.name = name;
    this.key = key;
    this.isOnEveryServer = isOnEveryServer;
  }

  /** It is a pattern, and stands for this channel. */
  matches(channel: string): boolean {
    return this.matcher?.matches(channel) === true;
  }

  /** How many there are beyond the one that a server sees. */
  get beyondOne(): number {
    return Math.max(0, this.subscribers.size - 1);
  }

  /** Nobody needs it, but a server may send messages yet. */
  get isDeparting(): boolean {
    return this.isDropped && this.departing > 0;
  }

  get isUnused(): boolean {
    return this.subscribers.size === 0 && this.waiters.size === 0;
  }

  /** WAITING as long as any server has yet to answer; TAKEN where at least one sends messages. */
  get state(): SeatState {
    let state: SeatState = SEAT_FAILED;
    for (const seat of this.seats) {
      if (seat.leavesAtMs > 0) continue;
      if (seat.state === SEAT_WAITING) return SEAT_WAITING;
      if (seat.state === SEAT_TAKEN) state = SEAT_TAKEN;
    }
    return state;
  }

  /** Why its state is FAILED. */
  get failure(): TopicFailure {
    for (const seat of this.seats) if (seat.leavesAtMs === 0) return seat.failure;
    return 'no_backend';
  }

  seatChanged(): void {
    if (this.waiters.size === 0 || this.state === SEAT_WAITING) return;
    for (const waiter of [...this.waiters]) waiter.onTopicSettled();
  }

  deliver(message: TopicMessage): void {
    for (const subscriber of this.subscribers) subscriber.onMessage(message);
    if (this.leavers.size > 0) for (const leaver of this.leavers) leaver.onMessage(message);
  }
}
