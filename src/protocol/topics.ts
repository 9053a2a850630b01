// What clients subscribe to, and what servers say of it.
// What a client can subscribe to: a topic is a name of one of these kinds.
export const TOPIC_CHANNEL = 0;
/** All channels whose names match. */
export const TOPIC_PATTERN = 1;
/** Channels apart from the others, of servers that are members of a cluster. */
export const TOPIC_SHARD = 2;
export type TopicKind = 0 | 1 | 2;

/** How many topics of each kind a client has subscribed to. */
export type TopicCounts = readonly [channels: number, patterns: number, shards: number];
export const NO_TOPICS: TopicCounts = [0, 0, 0];

// What a server says on a connection that has subscribed, in `PushReading.what`.
export const PUSH_MESSAGE = 0;
export const PUSH_SUBSCRIBED = 1;
export const PUSH_UNSUBSCRIBED = 2;
/** The server refuses what it was asked for next. */
export const PUSH_ERROR = 3;
export const PUSH_OTHER = 4;
export type PushKind = 0 | 1 | 2 | 3 | 4;

/** What was read of a push; the bytes of the topic's name are `buf[nameStart, nameEnd)` of it. */
export interface PushReading {
  readonly what: PushKind;
  readonly kind: TopicKind;
  readonly nameStart: number;
  readonly nameEnd: number;
}

/** Knows the clients of this worker that have subscribed. */
export interface Listeners {
  /** Those to `name`, beyond the one that its server sees of them; `isOfMessage`: to patterns that match, too. */
  beyondOne(kind: TopicKind, name: string, isOfMessage: boolean): number;
}

/** How some clients see topics that have other names on the servers. */
export interface TopicScope {
  /** What they call the topic whose name this is. */
  shownName(name: Buffer): Buffer;
  /** What they read of a message, never written to again; null: it is not for them. */
  shownMessage(message: Buffer): Buffer | null;
}

export interface TopicMatcher {
  matches(channel: string): boolean;
}
