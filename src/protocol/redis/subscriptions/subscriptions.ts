// SUBSCRIBE and its like as requests: what they subscribe to, and what a client of RESP2 may ask for meanwhile.
import { TOPIC_CHANNEL, TOPIC_PATTERN, TOPIC_SHARD, type TopicKind } from '../../topics.ts';
import type { Command } from '../commands/command.ts';
import { errorReply } from '../resp.ts';

const TOPIC_KIND: Readonly<Record<string, TopicKind>> = {
  psubscribe: TOPIC_PATTERN,
  punsubscribe: TOPIC_PATTERN,
  'pubsub|shardnumsub': TOPIC_SHARD,
  spublish: TOPIC_SHARD,
  ssubscribe: TOPIC_SHARD,
  sunsubscribe: TOPIC_SHARD,
};
const LEAVING: readonly string[] = ['punsubscribe', 'sunsubscribe', 'unsubscribe'];
const ALLOWED: readonly string[] = ['ping', 'quit', 'reset'];

/** Of a command that is about topics. */
export function topicKindOf({ name }: Command): TopicKind {
  return TOPIC_KIND[name] ?? TOPIC_CHANNEL;
}

export function isLeaving({ name }: Command): boolean {
  return LEAVING.includes(name);
}

/** PUBSUB NUMSUB and SHARDNUMSUB. */
export function isCounting({ name }: Command): boolean {
  return name.endsWith('numsub');
}

/** Whether it is served to a client of RESP2 that has subscribed. */
export function mayListenerUse({ name, family }: Command): boolean {
  return family === 'subscription' || ALLOWED.includes(name);
}

/** What it reads where it is not; Redis's words, from processCommand in its server.c. */
export function refusalToListener({ name }: Command): Buffer {
  const why = `Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
  return errorReply(name === 'exec' ? `EXECABORT Transaction discarded because of: ${why}` : `ERR ${why}`);
}
