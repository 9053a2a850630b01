import type { TopicKind } from '../protocol/topics.ts';

/**
 * A topic of which a server sees one subscriber where one worker has several: so many more. Plain data: it travels between
 * processes. The name has a character a byte.
 */
export type Crowd = readonly [kind: TopicKind, name: string, beyond: number];

/** Has all other workers know of these; `then` is called once, later, and in any case. */
export type TellCrowds = (crowds: readonly Crowd[], then: () => void) => void;
