import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC_CHANNEL } from '../../../src/protocol/topics.ts';
import type { Backend } from '../../../src/upstream/backend.ts';
import { SEAT_FAILED, SEAT_TAKEN, SEAT_WAITING, Seat, Topic } from '../../../src/upstream/topic.ts';
import { TopicMessage } from '../../../src/upstream/topic-message.ts';

const link = { backend: {} as Backend, leave: () => {}, askAgain: () => {} };

function topicWith(seats: number): Topic {
  const topic = new Topic(TOPIC_CHANNEL, Buffer.from('a'), 'a', false, null);
  for (let i = 0; i < seats; i++) topic.seats.push(new Seat(topic, link));
  return topic;
}

function subscriber(heard: string[], name: string) {
  return { onMessage: () => void heard.push(name), onTopicLeft: () => {} };
}

test('it waits for the last server, and is had where one of them sends messages', () => {
  const topic = topicWith(2);
  const [one, two] = topic.seats as [Seat, Seat];
  let settled = 0;
  topic.waiters.add({ onTopicSettled: () => settled++ });
  assert.equal(topic.state, SEAT_WAITING);
  one.settle(SEAT_TAKEN);
  assert.deepEqual([topic.state, settled], [SEAT_WAITING, 0]);
  two.settle(SEAT_FAILED, 'timed_out');
  assert.deepEqual([topic.state, settled], [SEAT_TAKEN, 1]);
  one.settle(SEAT_FAILED, 'connection_refused');
  assert.deepEqual([topic.state, topic.failure], [SEAT_FAILED, 'connection_refused']);
});

test('a server that it moves away from does not count', () => {
  const topic = topicWith(2);
  const [old, now] = topic.seats as [Seat, Seat];
  old.settle(SEAT_TAKEN);
  old.leavesAtMs = 5;
  assert.equal(topic.state, SEAT_WAITING);
  now.settle(SEAT_FAILED, 'timed_out');
  assert.equal(topic.state, SEAT_FAILED);
  assert.equal(topicWith(0).state, SEAT_FAILED);
});

test('those who leave hear what comes, and do not count', () => {
  const topic = topicWith(1);
  const heard: string[] = [];
  const [one, two] = [subscriber(heard, 'one'), subscriber(heard, 'two')];
  topic.subscribers.add(one).add(two);
  assert.equal(topic.beyondOne, 1);
  topic.subscribers.delete(one);
  topic.leavers.add(one);
  assert.equal(topic.beyondOne, 0);
  topic.deliver(new TopicMessage(Buffer.from('*3')));
  assert.deepEqual(heard.sort(), ['one', 'two']);
});

test('it has departed when the last server that had it says so, once', () => {
  const topic = topicWith(2);
  const [one, two] = topic.seats as [Seat, Seat];
  let departed = 0;
  topic.onDeparted = () => departed++;
  topic.isDropped = true;
  one.depart();
  two.depart();
  one.departed();
  one.departed();
  assert.deepEqual([topic.isDeparting, departed], [true, 0]);
  two.departed();
  assert.deepEqual([topic.isDeparting, departed], [false, 1]);
});

test('a message for readers of another version is copied once', () => {
  const message = new TopicMessage(Buffer.from('*3\r\nrest'));
  assert.equal(String(message.beginningWith('>'.charCodeAt(0))), '>3\r\nrest');
  assert.equal(message.beginningWith('>'.charCodeAt(0)), message.beginningWith('>'.charCodeAt(0)));
  assert.equal(String(message.beginningWith('*'.charCodeAt(0))), '*3\r\nrest');
});
