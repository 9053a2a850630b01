// What is said about topics on either side of Ringmaster. A push is an array of bulk strings, `*3` in RESP2 and `>3` in RESP3,
// and alike in all that follows:
//
//   *3 $7 message $2 ab $5 hello        *4 $8 pmessage $2 a* $2 ab $5 hello        *3 $9 subscribe $2 ab :1

import { Glob } from '../../glob.ts';
import type { SubscriptionWords } from '../../subscription-words.ts';
import {
  PUSH_ERROR,
  PUSH_MESSAGE,
  PUSH_OTHER,
  PUSH_SUBSCRIBED,
  PUSH_UNSUBSCRIBED,
  type PushKind,
  type PushReading,
  TOPIC_CHANNEL,
  TOPIC_PATTERN,
  TOPIC_SHARD,
  type TopicCounts,
  type TopicKind,
} from '../../topics.ts';
import { DOLLAR, encodeRequest, errorReply, GREATER, LF, MINUS, STAR, ZERO } from '../resp.ts';
import { isResp3 } from '../session.ts';
import { AudienceReply, PublicationReply } from './audience.ts';

/** By TopicKind. */
const SUBSCRIBE = ['subscribe', 'psubscribe', 'ssubscribe'] as const;
const UNSUBSCRIBE = ['unsubscribe', 'punsubscribe', 'sunsubscribe'] as const;

const TOO_MANY = errorReply(
  'ERR too many subscriptions: the settings client_subscriptions and worker_subscriptions bound them',
);

/** Events of keys, which each server tells of its own: `__keyspace@0__:key` and `__keyevent@0__:event`. */
const KEY_EVENTS = [Buffer.from('__keyspace@'), Buffer.from('__keyevent@')];

const WORDS: ReadonlyMap<string, readonly [what: PushKind, kind: TopicKind]> = new Map([
  ['message', [PUSH_MESSAGE, TOPIC_CHANNEL]],
  ['pmessage', [PUSH_MESSAGE, TOPIC_PATTERN]],
  ['smessage', [PUSH_MESSAGE, TOPIC_SHARD]],
  ['subscribe', [PUSH_SUBSCRIBED, TOPIC_CHANNEL]],
  ['psubscribe', [PUSH_SUBSCRIBED, TOPIC_PATTERN]],
  ['ssubscribe', [PUSH_SUBSCRIBED, TOPIC_SHARD]],
  ['unsubscribe', [PUSH_UNSUBSCRIBED, TOPIC_CHANNEL]],
  ['punsubscribe', [PUSH_UNSUBSCRIBED, TOPIC_PATTERN]],
  ['sunsubscribe', [PUSH_UNSUBSCRIBED, TOPIC_SHARD]],
]);
const WORD_MAX_BYTES = 12;

class Reading implements PushReading {
  what: PushKind = PUSH_OTHER;
  kind: TopicKind = TOPIC_CHANNEL;
  nameStart = 0;
  nameEnd = 0;
}

const reading = new Reading();

/** The payload of the bulk string at `at` begins here and has `length` bytes; below 0: there is none. */
let payload = 0;
let length = 0;

function readBulk(buf: Buffer, start: number): void {
  length = -1;
  if (buf[start] !== DOLLAR) return;
  let value = 0;
  let at = start + 1;
  for (; buf[at]! >= ZERO && buf[at]! <= ZERO + 9; at++) value = value * 10 + buf[at]! - ZERO;
  if (at === start + 1) return;
  payload = at + 2;
  length = value;
}

function read(buf: Buffer): PushReading {
  reading.what = PUSH_OTHER;
  if (buf[0] === MINUS) reading.what = PUSH_ERROR;
  if (buf[0] !== STAR && buf[0] !== GREATER) return reading;
  readBulk(buf, buf.indexOf(LF) + 1);
  if (length < 0 || length > WORD_MAX_BYTES) return reading;
  const word = WORDS.get(buf.toString('latin1', payload, payload + length));
  if (word === undefined) return reading;
  readBulk(buf, payload + length + 2);
  if (length < 0) return reading;
  [reading.what, reading.kind] = word;
  reading.nameStart = payload;
  reading.nameEnd = payload + length;
  return reading;
}

function confirmation(
  kind: TopicKind,
  isLeaving: boolean,
  name: Buffer | null,
  counts: TopicCounts,
  variant: number,
): Buffer {
  const isPush = isResp3(variant);
  const word = (isLeaving ? UNSUBSCRIBE : SUBSCRIBE)[kind];
  const [channels, patterns, shards] = counts;
  // Redis counts shard channels apart.
  const count = kind === TOPIC_SHARD ? shards : channels + patterns;
  const head = `${isPush ? '>' : '*'}3\r\n$${word.length}\r\n${word}\r\n`;
  if (name === null) return Buffer.from(`${head}${isPush ? '_' : '$-1'}\r\n:${count}\r\n`, 'latin1');
  return Buffer.concat([
    Buffer.from(`${head}$${name.length}\r\n`, 'latin1'),
    name,
    Buffer.from(`\r\n:${count}\r\n`, 'latin1'),
  ]);
}

function isOfKeyEvents(name: Buffer): boolean {
  return KEY_EVENTS.some(prefix => prefix.equals(name.subarray(0, prefix.length)));
}

export const SUBSCRIPTION_WORDS: SubscriptionWords = {
  request: (kind, isLeaving, name) => encodeRequest((isLeaving ? UNSUBSCRIBE : SUBSCRIBE)[kind], name),
  confirmation,
  read,
  firstByte: variant => (isResp3(variant) ? GREATER : STAR),
  isOnEveryServer: (kind, name) => kind === TOPIC_PATTERN || (kind === TOPIC_CHANNEL && isOfKeyEvents(name)),
  isOfEachServer: (kind, name) => kind !== TOPIC_SHARD && isOfKeyEvents(name),
  publicationReply: (listeners, kind, name) => new PublicationReply(listeners, kind, name),
  audienceReply: (listeners, kind) => new AudienceReply(listeners, kind),
  matcher: pattern => Glob.read(pattern),
  tooManyReply: TOO_MANY,
};
