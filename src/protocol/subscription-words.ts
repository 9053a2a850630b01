import type { ReplyTransform } from './reply-transform.ts';
import type { Listeners, PushReading, TopicCounts, TopicKind, TopicMatcher } from './topics.ts';

/** How clients and servers talk about topics. Subscribed servers are asked by a connection of variant 0. */
export interface SubscriptionWords {
  /** Asks a server for one topic, or to leave it. */
  request(kind: TopicKind, isLeaving: boolean, name: Buffer): Buffer;
  /** What a client of `variant` reads of it; `name` is null when there was nothing to leave. */
  confirmation(kind: TopicKind, isLeaving: boolean, name: Buffer | null, counts: TopicCounts, variant: number): Buffer;
  /** Reads the whole push in `buf`. The same object each time, overwritten by the next. */
  read(buf: Buffer): PushReading;
  /** The first byte of what is pushed to clients of a variant; the rest is alike. */
  firstByte(variant: number): number;
  /** Every server has it to itself, and speaks of it: it is not published by clients. */
  isOnEveryServer(kind: TopicKind, name: Buffer): boolean;
  /** In a cluster, whose servers pass on what clients publish: each tells of its own, and to its own clients only. */
  isOfEachServer(kind: TopicKind, name: Buffer): boolean;
  /** How many get a message, from the server's reply to its publication on `name`, a character a byte. */
  publicationReply(listeners: Listeners, kind: TopicKind, name: string): ReplyTransform;
  /** How many have subscribed to topics, from what the servers say. */
  audienceReply(listeners: Listeners, kind: TopicKind): ReplyTransform;
  /** Tells which channels a pattern stands for; null: it is too long to tell. */
  matcher(pattern: string): TopicMatcher | null;
  /** What the client reads that wants more topics than it, or its worker, may have. */
  readonly tooManyReply: Buffer;
}
