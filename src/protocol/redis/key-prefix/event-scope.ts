// Channels and patterns of clients with a key prefix. It goes before the name of a channel, and of what each server tells of its
// keys before the key:
//
//   news                        app:news
//   __keyspace@0__:k            __keyspace@0__:app:k
//   __keyevent@0__:del          as it is; of the messages, which are keys, only those with the prefix are the client's

import { Glob, MAX_GLOB_LENGTH } from '../../glob.ts';
import { TOPIC_PATTERN, type TopicKind, type TopicScope } from '../../topics.ts';
import { DOLLAR, LF } from '../resp.ts';

const KEYSPACE = '__keyspace@';
const KEYEVENT = '__keyevent@';
const OF_KEYS = '__key';
/** Between the database and the key, or the event. */
const BEFORE_KEY = '__:';
const ANY_KEYSPACE = '__keyspace@0__:';
/** A name that gets no prefix. */
export const AS_IT_IS = -1;
/** What it stands for can't be told apart from what is of others. */
export const NOT_TO_BE_HAD = -2;

/** Before which byte of the name the prefix goes, or one of the constants above. */
export function prefixPlace(kind: TopicKind, name: string): number {
  if (name.startsWith(KEYEVENT) && (kind !== TOPIC_PATTERN || name.length <= MAX_GLOB_LENGTH)) return AS_IT_IS;
  if (!name.startsWith(kind === TOPIC_PATTERN ? OF_KEYS : KEYSPACE)) return 0;
  if (kind === TOPIC_PATTERN && name.length > MAX_GLOB_LENGTH) return NOT_TO_BE_HAD;
  const key = name.startsWith(KEYSPACE) ? name.indexOf(BEFORE_KEY) : -1;
  if (key >= 0) return key + BEFORE_KEY.length;
  // What stands for any key stands for those with the prefix.
  const isOfAnyKey = kind === TOPIC_PATTERN && name.endsWith('*') && Glob.read(name)?.matches(ANY_KEYSPACE) === true;
  return isOfAnyKey ? AS_IT_IS : NOT_TO_BE_HAD;
}

/** See `TopicScope`. */
export class EventScope implements TopicScope {
  private readonly prefix: string;

  constructor(prefix: Buffer) {
    this.prefix = prefix.toString('latin1');
  }

  shownName(name: Buffer): Buffer {
    const text = name.toString('latin1');
    return Buffer.from(this.ownName(text) ?? text, 'latin1');
  }

  shownMessage(message: Buffer): Buffer | null {
    const parts = partsOf(message);
    if (parts === null) return null;
    const channel = parts[parts.length - 2] as string;
    const ownChannel = channel.startsWith(KEYEVENT) ? channel : this.ownName(channel);
    if (ownChannel === null) return null;
    parts[parts.length - 2] = ownChannel;
    if (channel.startsWith(KEYEVENT)) {
      const key = parts.at(-1) as string;
      if (!key.startsWith(this.prefix)) return null;
      parts[parts.length - 1] = key.slice(this.prefix.length);
    }
    if (parts.length === MESSAGE_TO_PATTERN) {
      const pattern = parts[1] as string;
      const own = this.ownName(pattern) ?? pattern;
      // Where the prefix stands in the middle, other keys may match than those that the client means.
      if (pattern.startsWith(OF_KEYS) && Glob.read(own)?.matches(ownChannel) !== true) return null;
      parts[1] = own;
    }
    return Buffer.from(`${message.toString('latin1', 0, 1)}${parts.length}\r\n${parts.map(bulk).join('')}`, 'latin1');
  }

  /** Null: it does not have the prefix. */
  private ownName(name: string): string | null {
    const { prefix } = this;
    if (name.startsWith(prefix)) return name.slice(prefix.length);
    const key = name.startsWith(KEYSPACE) ? name.indexOf(BEFORE_KEY) + BEFORE_KEY.length : 0;
    if (key < BEFORE_KEY.length || !name.startsWith(prefix, key)) return null;
    return name.slice(0, key) + name.slice(key + prefix.length);
  }
}

/** What, pattern, channel, message. */
const MESSAGE_TO_PATTERN = 4;

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** The bulk strings of a push, a character a byte; null: it has others, or fewer than a message. */
function partsOf(message: Buffer): string[] | null {
  const parts: string[] = [];
  let at = message.indexOf(LF) + 1;
  while (at < message.length) {
    const payload = message.indexOf(LF, at) + 1;
    if (message[at] !== DOLLAR || payload === 0) return null;
    const end = payload + Number(message.toString('latin1', at + 1, payload - 2));
    parts.push(message.toString('latin1', payload, end));
    at = end + 2;
  }
  return parts.length >= MESSAGE_TO_PATTERN - 1 ? parts : null;
}
