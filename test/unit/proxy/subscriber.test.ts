// When a client that subscribes, or leaves, is told so, and what it reads before and after.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestParser } from '../../../src/protocol/protocol.ts';
import { redisProtocol } from '../../../src/protocol/redis/redis.ts';
import type { SubscriptionWords } from '../../../src/protocol/subscription-words.ts';
import { NO_TOPICS, TOPIC_CHANNEL, type TopicKind } from '../../../src/protocol/topics.ts';
import type { RequestOrigin } from '../../../src/proxy/request-origin.ts';
import { Subscriber } from '../../../src/proxy/subscriber.ts';
import type { Request } from '../../../src/request/request.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import type { Backend } from '../../../src/upstream/backend.ts';
import type { SubscriptionHub } from '../../../src/upstream/subscription-hub.ts';
import {
  SEAT_FAILED,
  SEAT_TAKEN,
  Seat,
  Topic,
  type TopicSubscriber,
  type TopicWaiter,
} from '../../../src/upstream/topic.ts';
import { TopicMessage } from '../../../src/upstream/topic-message.ts';

const words = redisProtocol.subscriptions as SubscriptionWords;

/** What the client reads, and whether all that it asked before is answered. */
class Origin {
  readonly variant = 0;
  topics = NO_TOPICS;
  length = 0;
  isAnswered = true;
  read = '';

  enqueue(): void {
    this.length++;
  }

  isNext(): boolean {
    return this.isAnswered;
  }

  push(bytes: Buffer): void {
    this.read += bytes.toString('latin1');
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number): void {
    this.length--;
    this.read += buf.toString('latin1', start, end);
  }

  onFailure(_request: Request, reason: string): void {
    this.length--;
    this.read += `failed: ${reason}`;
  }

  failWith(_request: Request, reply: Buffer): void {
    this.length--;
    this.read += reply.toString('latin1');
  }
}

/** One server, and other workers, that know what the test has said. */
class Hub {
  subscriptions = 0;
  /** Changes are to be told to other workers. */
  isTold = true;
  private untold: (() => void)[] = [];
  readonly topics = new Map<string, Topic>();
  readonly ownCrowds = { whenTold: (then: () => void) => void this.untold.push(then) };

  await(kind: TopicKind, name: Buffer, waiter: TopicWaiter): Topic {
    const key = name.toString('latin1');
    let topic = this.topics.get(key);
    if (topic === undefined) {
      topic = new Topic(kind, name, key, false, null);
      topic.seats.push(new Seat(topic, { backend: {} as Backend, leave: () => {}, askAgain: () => {} }));
      this.topics.set(key, topic);
    }
    topic.waiters.add(waiter);
    return topic;
  }

  dismiss(topic: Topic, waiter: TopicWaiter): void {
    topic.waiters.delete(waiter);
  }

  subscribe(topic: Topic, subscriber: TopicSubscriber): boolean {
    topic.subscribers.add(subscriber);
    this.subscriptions++;
    return !this.isTold;
  }

  unsubscribe(topic: Topic, subscriber: TopicSubscriber): boolean {
    topic.subscribers.delete(subscriber);
    this.subscriptions--;
    if (topic.subscribers.size === 0) {
      topic.isDropped = true;
      topic.seats[0]?.depart();
      topic.onDeparted = () => {
        for (const leaver of topic.leavers) leaver.onTopicLeft(topic);
      };
    }
    return !this.isTold;
  }

  tell(): void {
    const { untold } = this;
    this.untold = [];
    for (const then of untold) then();
  }

  topic(name: string): Topic {
    return this.topics.get(name) as Topic;
  }

  seat(name: string): Seat {
    return this.topic(name).seats[0] as Seat;
  }

  says(name: string, text: string): void {
    this.topic(name).deliver(new TopicMessage(Buffer.from(`*3<${name} ${text}>`)));
  }
}

function client(limit = 10) {
  const origin = new Origin();
  const hub = new Hub();
  const subscriber = new Subscriber(origin as unknown as RequestOrigin, hub as unknown as SubscriptionHub, words);
  const ask = (isLeaving: boolean, ...names: string[]) => {
    const buf = Buffer.from(names.join(''));
    const ends = names.map((_, i) => names.slice(0, i + 1).join('').length);
    const parser = {
      ...{ topicKind: TOPIC_CHANNEL, isLeavingTopics: isLeaving, topicScope: null, isNoreply: false, keyBuf: null },
      ...{ keyCount: names.length, keyStarts: Int32Array.from([0, ...ends]), keyEnds: Int32Array.from(ends) },
    } as unknown as RequestParser;
    const limits = { ofClient: limit, ofWorker: 100 };
    subscriber.take(parser, new RequestBytes().set(buf, 0, buf.length, null), limits);
  };
  const subscribed = (name: string, count: number) => `*3\r\n$9\r\nsubscribe\r\n$1\r\n${name}\r\n:${count}\r\n`;
  const left = (name: string, count: number) => `*3\r\n$11\r\nunsubscribe\r\n$1\r\n${name}\r\n:${count}\r\n`;
  const takeRead = () => {
    const { read } = origin;
    origin.read = '';
    return read;
  };
  return { origin, hub, subscriber, ask, subscribed, left, takeRead };
}

test('it is told when the servers have said yes and all before is answered', () => {
  const { origin, hub, subscriber, ask, subscribed, takeRead } = client();
  origin.isAnswered = false;
  ask(false, 'a', 'b', 'a');
  hub.seat('a').settle(SEAT_TAKEN);
  hub.seat('b').settle(SEAT_TAKEN);
  hub.says('a', 'early');
  assert.deepEqual([takeRead(), subscriber.isBusy], ['', true]);
  origin.isAnswered = true;
  subscriber.onAnswered();
  assert.equal(takeRead(), subscribed('a', 1) + subscribed('b', 2) + subscribed('a', 2));
  assert.deepEqual([subscriber.isBusy, origin.topics, hub.subscriptions], [false, [2, 0, 0], 2]);
  hub.says('b', 'x');
  assert.equal(takeRead(), '*3<b x>');
});

test('one server that fails fails all, and nothing is subscribed to', () => {
  const { hub, subscriber, ask, takeRead } = client();
  ask(false, 'a', 'b');
  hub.seat('a').settle(SEAT_TAKEN);
  hub.seat('b').settle(SEAT_FAILED, 'timed_out');
  assert.equal(takeRead(), 'failed: timed_out');
  assert.deepEqual([subscriber.isListening, hub.subscriptions, hub.topic('a').waiters.size], [false, 0, 0]);
});

test('until the other workers know of it, messages wait for the confirmation', () => {
  const { hub, subscriber, ask, subscribed, takeRead } = client();
  hub.isTold = false;
  ask(false, 'a');
  hub.seat('a').settle(SEAT_TAKEN);
  hub.says('a', '1');
  hub.says('a', '2');
  assert.equal(takeRead(), '');
  assert.ok(subscriber.memoryBytes > '*3<a 1>*3<a 2>'.length);
  hub.tell();
  assert.equal(takeRead(), `${subscribed('a', 1)}*3<a 1>*3<a 2>`);
});

test('more messages than may wait bring the confirmation at once', () => {
  const { hub, ask, subscribed, takeRead } = client();
  hub.isTold = false;
  ask(false, 'a');
  hub.seat('a').settle(SEAT_TAKEN);
  const large = 'x'.repeat(200_000);
  hub.says('a', large);
  assert.equal(takeRead(), '');
  hub.says('a', large);
  assert.equal(takeRead(), `${subscribed('a', 1)}*3<a ${large}>*3<a ${large}>`);
  hub.tell();
  assert.equal(takeRead(), '');
});

test('one who leaves is told when the server has left and the others know, and hears what comes before', () => {
  const { hub, subscriber, ask, left, takeRead } = client();
  ask(false, 'a', 'b');
  for (const name of ['a', 'b']) hub.seat(name).settle(SEAT_TAKEN);
  takeRead();
  hub.isTold = false;
  ask(true, 'b', 'c', 'a');
  hub.says('a', 'late');
  assert.equal(takeRead(), '*3<a late>');
  hub.tell();
  hub.seat('b').departed();
  assert.deepEqual([takeRead(), subscriber.isBusy], ['', true]);
  hub.seat('a').departed();
  assert.equal(takeRead(), left('b', 1) + left('c', 1) + left('a', 0));
  hub.says('a', 'later');
  assert.equal(takeRead(), '');
});

test('one who is gone waits for nothing, and is in no topic', () => {
  for (const isLeaving of [false, true]) {
    const { hub, subscriber, ask, takeRead } = client();
    ask(false, 'a');
    hub.seat('a').settle(SEAT_TAKEN);
    takeRead();
    hub.isTold = false;
    if (isLeaving) ask(true, 'a');
    else ask(false, 'b');
    if (!isLeaving) hub.seat('b').settle(SEAT_TAKEN);
    subscriber.abandon();
    hub.tell();
    for (const topic of hub.topics.values()) {
      assert.deepEqual([topic.subscribers.size, topic.waiters.size, topic.leavers.size], [0, 0, 0]);
    }
    assert.deepEqual([takeRead(), hub.subscriptions, subscriber.memoryBytes], ['', 0, 0]);
  }
});

test('more topics than a client may have are refused before a server is asked', () => {
  const { hub, ask, takeRead } = client(2);
  ask(false, 'a', 'b', 'c');
  assert.match(takeRead(), /^-ERR too many subscriptions/);
  assert.equal(hub.topics.size, 0);
});
