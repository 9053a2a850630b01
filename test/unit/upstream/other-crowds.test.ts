import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Glob } from '../../../src/protocol/glob.ts';
import { TOPIC_CHANNEL, TOPIC_PATTERN, TOPIC_SHARD } from '../../../src/protocol/topics.ts';
import { OtherCrowds } from '../../../src/upstream/other-crowds.ts';

const matcherOf = (pattern: string) => Glob.read(pattern);

test('the crowds of all workers are added, of the kind that is asked for', () => {
  const crowds = new OtherCrowds();
  crowds.heard(1, [[TOPIC_CHANNEL, 'a', 2]], false);
  crowds.heard(2, [[TOPIC_CHANNEL, 'a', 3]], false);
  crowds.heard(2, [[TOPIC_SHARD, 'a', 10]], false);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'a', false, matcherOf), 5);
  assert.equal(crowds.beyond(TOPIC_SHARD, 'a', true, matcherOf), 10);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'b', true, matcherOf), 0);
});

test('a message is heard by those to patterns, too', () => {
  const crowds = new OtherCrowds();
  crowds.heard(1, [[TOPIC_PATTERN, 'a*', 2]], false);
  crowds.heard(2, [[TOPIC_PATTERN, '*', 1]], false);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'ab', true, matcherOf), 3);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'b', true, matcherOf), 1);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'ab', false, matcherOf), 0);
});

test('what a worker says last is true, and one that is gone has none', () => {
  const crowds = new OtherCrowds();
  crowds.heard(1, [[TOPIC_CHANNEL, 'a', 2]], false);
  crowds.heard(1, [[TOPIC_CHANNEL, 'a', 1]], false);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'a', false, matcherOf), 1);
  crowds.heard(1, [[TOPIC_CHANNEL, 'b', 1]], true);
  assert.equal(crowds.beyond(TOPIC_CHANNEL, 'a', false, matcherOf), 0);
  assert.equal(crowds.areNone, false);
  crowds.heard(1, [], true);
  assert.equal(crowds.areNone, true);
});

test('a worker whose last crowd is gone is forgotten', () => {
  const crowds = new OtherCrowds();
  crowds.heard(1, [[TOPIC_CHANNEL, 'a', 2]], false);
  crowds.heard(1, [[TOPIC_CHANNEL, 'a', 0]], false);
  assert.equal(crowds.areNone, true);
});
