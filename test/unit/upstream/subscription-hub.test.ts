// The subscriptions of a worker at one server, which says what the test wants it to.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PoolStats } from '../../../src/figures/statistics.ts';
import { redisProtocol } from '../../../src/protocol/redis/redis.ts';
import type { SubscriptionWords } from '../../../src/protocol/subscription-words.ts';
import { TOPIC_CHANNEL } from '../../../src/protocol/topics.ts';
import { OtherCrowds } from '../../../src/upstream/other-crowds.ts';
import { SubscriptionHub } from '../../../src/upstream/subscription-hub.ts';
import { SEAT_FAILED, SEAT_TAKEN, SEAT_WAITING, type Topic } from '../../../src/upstream/topic.ts';
import { BackendUnderTest } from '../../support/backend-under-test.ts';
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts';
import { parseReply, replyEnd } from '../../support/resp-reader.ts';
import { waitFor } from '../../support/wait-for.ts';

class Subscriber {
  readonly heard: string[] = [];
  left = 0;
  settled = 0;

  onMessage(message: { beginningWith(byte: number): Buffer }): void {
    this.heard.push(String((parseReply(message.beginningWith('*'.charCodeAt(0))) as Buffer[]).at(-1)));
  }

  onTopicLeft(): void {
    this.left++;
  }

  onTopicSettled(): void {
    this.settled++;
  }
}

class Server {
  readonly fake: FakeBackend;

  constructor(fake: FakeBackend) {
    this.fake = fake;
  }

  /** What it was asked on its last connection. */
  asked(): string[] {
    const bytes = Buffer.concat(this.fake.connections.at(-1)?.chunks ?? []);
    const words: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = replyEnd(bytes, at);
      if (end < 0) break;
      words.push((parseReply(bytes.subarray(at, end)) as Buffer[]).join(' '));
      at = end;
    }
    return words;
  }

  async untilAsked(...wanted: string[]): Promise<void> {
    await waitFor(() => this.asked().join() === wanted.join(), {
      what: `the server to be asked ${wanted}`,
      everyMs: 1,
    });
  }

  says(word: string, name: string, last: string): void {
    const end = /^\d+$/.test(last) ? `:${last}` : `$${last.length}\r\n${last}`;
    this.fake.connections
      .at(-1)
      ?.socket.write(`*3\r\n$${word.length}\r\n${word}\r\n$${name.length}\r\n${name}\r\n${end}\r\n`);
  }
}

async function start(t: TestContext, timeoutMs = 0) {
  const fake = await startFakeBackend(() => {});
  t.after(() => fake.close());
  const proxy = new BackendUnderTest(t, fake.port, { timeoutMs });
  const { backend, clock } = proxy;
  const stats = new PoolStats();
  const pool = {
    ...{ backends: [backend], holders: [backend], clock, stats, spreadsAtRandom: false, isOneForMessages: false },
    ...{ otherCrowds: new OtherCrowds(), tellCrowds: () => {}, pick: () => backend, pickAllHomes: () => [backend] },
    ...{ heed: () => false, patienceMs: 0 },
  };
  const hub = new SubscriptionHub(pool, redisProtocol.subscriptions as SubscriptionWords);
  clock.onTick(nowMs => hub.checkDeadlines(nowMs));
  t.after(() => hub.close());
  const server = new Server(fake);
  const subscribe = (subscriber: Subscriber): Topic => {
    const topic = hub.await(TOPIC_CHANNEL, Buffer.from('a'), subscriber);
    hub.subscribe(topic, subscriber);
    hub.dismiss(topic, subscriber);
    return topic;
  };
  const leave = (topic: Topic, subscriber: Subscriber) => {
    topic.leavers.add(subscriber);
    hub.unsubscribe(topic, subscriber);
  };
  return { proxy, stats, hub, server, subscribe, leave };
}

const until = (ready: () => boolean, what: string) => waitFor(ready, { what, everyMs: 1 });

test('the server is asked once for what several want, and says a message once', async t => {
  const { hub, server, subscribe, stats } = await start(t);
  const [one, two] = [new Subscriber(), new Subscriber()];
  const topic = subscribe(one);
  assert.equal(topic.state, SEAT_WAITING);
  assert.equal(subscribe(two), topic);
  await server.untilAsked('subscribe a');
  server.says('subscribe', 'a', '1');
  server.says('message', 'a', 'hello');
  await until(() => two.heard.length === 1, 'the message');
  assert.deepEqual([one.heard, two.heard, topic.state], [['hello'], ['hello'], SEAT_TAKEN]);
  assert.deepEqual([stats.messagesIn, stats.subscriptions, stats.topics], [1, 2, 1]);
  assert.equal(hub.beyondOne(TOPIC_CHANNEL, 'a', true), 1);
});

test('the last who leaves hears what comes until the server has left, and another begins anew meanwhile', async t => {
  const { server, subscribe, leave, stats } = await start(t);
  const [one, two] = [new Subscriber(), new Subscriber()];
  const topic = subscribe(one);
  await server.untilAsked('subscribe a');
  server.says('subscribe', 'a', '1');
  await until(() => topic.state === SEAT_TAKEN, 'the subscription');
  leave(topic, one);
  await server.untilAsked('subscribe a', 'unsubscribe a');
  server.says('message', 'a', 'late');
  await until(() => one.heard.length === 1, 'the late message');
  assert.deepEqual([topic.isDeparting, one.left, stats.topics], [true, 0, 0]);
  const anew = subscribe(two);
  assert.notEqual(anew, topic);
  server.says('unsubscribe', 'a', '0');
  await until(() => one.left === 1, 'the leaving');
  await server.untilAsked('subscribe a', 'unsubscribe a', 'subscribe a');
  server.says('subscribe', 'a', '1');
  server.says('message', 'a', 'new');
  await until(() => two.heard.length === 1, 'the new message');
  assert.deepEqual([one.heard, two.heard], [['late'], ['new']]);
});

test('a server that is lost has left, and is asked again for what is still wanted', async t => {
  const { server, subscribe, leave, stats } = await start(t);
  const [one, two] = [new Subscriber(), new Subscriber()];
  const topic = subscribe(one);
  await server.untilAsked('subscribe a');
  server.says('subscribe', 'a', '1');
  await until(() => topic.state === SEAT_TAKEN, 'the subscription');
  leave(topic, one);
  const anew = subscribe(two);
  await server.untilAsked('subscribe a', 'unsubscribe a', 'subscribe a');
  server.fake.resetAll();
  await until(() => one.left === 1, 'the leaving');
  assert.equal(anew.state, SEAT_WAITING);
  await until(() => server.fake.connections.length === 2, 'another connection');
  await server.untilAsked('subscribe a');
  server.says('subscribe', 'a', '1');
  await until(() => anew.state === SEAT_TAKEN, 'the subscription');
  assert.equal(stats.subscriptionsLost, 1);
});

test('a server that hangs keeps nobody waiting, and is believed when it answers late', async t => {
  const { server, subscribe, leave } = await start(t, 50);
  const one = new Subscriber();
  const topic = subscribe(one);
  await until(() => topic.state === SEAT_FAILED, 'the failure');
  assert.equal(topic.failure, 'timed_out');
  server.says('subscribe', 'a', '1');
  await until(() => topic.state === SEAT_TAKEN, 'the subscription');
  leave(topic, one);
  await until(() => one.left === 1, 'the leaving');
});

test('a server that answers something else is not believed', async t => {
  for (const [word, name] of [
    ['subscribe', 'b'],
    ['unsubscribe', 'a'],
    ['psubscribe', 'a'],
  ] as const) {
    const { server, subscribe } = await start(t);
    const topic = subscribe(new Subscriber());
    await server.untilAsked('subscribe a');
    server.says(word, name, '1');
    await until(() => server.fake.connections.length > 1, `another connection after ${word} ${name}`);
    assert.notEqual(topic.state, SEAT_TAKEN);
  }
});

test('what the server refuses fails with its words', async t => {
  const { server, subscribe } = await start(t);
  const topic = subscribe(new Subscriber());
  await server.untilAsked('subscribe a');
  server.fake.connections[0]?.socket.write('-NOPERM not this one\r\n');
  await until(() => topic.state === SEAT_FAILED, 'the failure');
  assert.equal(String(topic.failure), '-NOPERM not this one\r\n');
});
