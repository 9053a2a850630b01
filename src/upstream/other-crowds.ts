import { TOPIC_CHANNEL, TOPIC_PATTERN, type TopicKind, type TopicMatcher } from '../protocol/topics.ts';
import type { Crowd } from './crowd.ts';

interface Known {
  beyond: number;
  /** Of a pattern, once it was asked for. */
  matcher: TopicMatcher | null | undefined;
}

type Topics = readonly Map<string, Known>[];

/** The crowds of the other workers, by worker. */
export class OtherCrowds {
  private readonly workers = new Map<number, Topics>();

  get areNone(): boolean {
    return this.workers.size === 0;
  }

  /** What a worker says of its crowds; `isWhole`: it has no others. */
  heard(worker: number, crowds: readonly Crowd[], isWhole: boolean): void {
    let topics = isWhole ? undefined : this.workers.get(worker);
    topics ??= [new Map(), new Map(), new Map()];
    for (const [kind, name, beyond] of crowds) {
      const ofKind = topics[kind] as Map<string, Known>;
      const known = ofKind.get(name);
      if (beyond === 0) ofKind.delete(name);
      else if (known === undefined) ofKind.set(name, { beyond, matcher: undefined });
      else known.beyond = beyond;
    }
    if (topics.every(({ size }) => size === 0)) this.workers.delete(worker);
    else this.workers.set(worker, topics);
  }

  /** Subscribers to `name` whom its server does not see; `isOfMessage`: to patterns that match, too. */
  beyond(
    kind: TopicKind,
    name: string,
    isOfMessage: boolean,
    matcherOf: (pattern: string) => TopicMatcher | null,
  ): number {
    let listeners = 0;
    for (const topics of this.workers.values()) {
      listeners += topics[kind]?.get(name)?.beyond ?? 0;
      if (!isOfMessage || kind !== TOPIC_CHANNEL) continue;
      for (const [pattern, known] of topics[TOPIC_PATTERN] as Map<string, Known>) {
        if (known.matcher === undefined) known.matcher = matcherOf(pattern);
        if (known.matcher?.matches(name)) listeners += known.beyond;
      }
    }
    return listeners;
  }
}
