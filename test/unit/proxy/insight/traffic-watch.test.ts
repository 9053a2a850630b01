import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrafficInsight } from '../../../../src/figures/traffic-insight.ts';
import { Clock } from '../../../../src/loop/clock.ts';
import { Turn } from '../../../../src/loop/turn.ts';
import { redisProtocol } from '../../../../src/protocol/redis/redis.ts';
import { ROUTE_LOCAL } from '../../../../src/protocol/routes.ts';
import {
  TrafficWatch,
  type TrafficWatchOptions,
  type WatchedClient,
} from '../../../../src/proxy/insight/traffic-watch.ts';
import { RequestBytes } from '../../../../src/request/request-bytes.ts';
import { encodeCommand } from '../../../support/resp-reader.ts';

class WatchUnderTest {
  readonly clock = new Clock(new Turn());
  readonly watch = new TrafficWatch(this.clock);
  private readonly parser = redisProtocol.createParser({
    poolName: 'p',
    version: '0',
    maxRequestBytes: 2 ** 20,
    password: null,
  });
  private readonly session = redisProtocol.createSession(1);
  private readonly clients = new Map<string, WatchedClient>();

  constructor(options: Partial<TrafficWatchOptions> = {}) {
    this.watch.configure({ sampleOneIn: 1, hidesKeys: false, ...options });
  }

  ask(clientLabel: string, ...words: string[]): void {
    const request = encodeCommand(...words);
    this.parser.parse(this.session, request, 0, request.length);
    const client = this.clients.get(clientLabel) ?? {
      clientLabel,
      askedRequests: 0,
      trafficBytes: 0,
      seenRequests: 0,
      seenBytes: 0,
    };
    this.clients.set(clientLabel, client);
    const bytes = new RequestBytes().set(request, 0, request.length, null);
    const keyCount = this.parser.route === ROUTE_LOCAL ? 0 : this.parser.keyCount;
    this.watch.onRequest(client, this.parser, bytes, request.length, keyCount);
  }

  insight(): TrafficInsight {
    return this.watch.insight('p');
  }
}

const counts = (list: { readonly items: readonly { readonly item: string; readonly count: number }[] }) =>
  Object.fromEntries(list.items.map(({ item, count }) => [item, count]));

test('keys are where the command has them, not what stands second', () => {
  const under = new WatchUnderTest();
  under.ask('c', 'get', 'a');
  under.ask('c', 'mget', 'a', 'b');
  under.ask('c', 'xread', 'count', '1', 'streams', 's', '0');
  under.ask('c', 'ping', 'no-key');
  under.ask('c', 'get');
  assert.deepEqual(counts(under.insight().hotKeys), { a: 2, b: 1, s: 1 });
});

test('clients are told by requests and by bytes', () => {
  const under = new WatchUnderTest();
  for (let i = 0; i < 9; i++) under.ask('often', 'get', 'a');
  under.ask('much name', 'set', 'b', 'x'.repeat(1000));
  const { clientRequests, clientBytes } = under.insight();
  assert.deepEqual(counts(clientRequests), { often: 9, 'much name': 1 });
  assert.deepEqual(
    clientBytes.items.map(({ item }) => item),
    ['much name', 'often'],
  );
});

test('a sample stands for all: counts of keys are multiplied, those of clients are exact for who is looked at', () => {
  const under = new WatchUnderTest({ sampleOneIn: 10 });
  for (let i = 0; i < 10_000; i++) under.ask('c', 'get', i % 3 === 0 ? 'hot' : `k${i}`);
  const { hotKeys, clientRequests, sampledOneIn } = under.insight();
  assert.equal(sampledOneIn, 10);
  const [first] = hotKeys.items;
  assert.equal(first!.item, 'hot');
  // Its share is told to within six standard deviations of a sample of a thousand, and the error of the sketch.
  const share = first!.count / hotKeys.total;
  assert.ok(Math.abs(share - 1 / 3) < 6 * Math.sqrt(2 / 9 / 800) + first!.error / hotKeys.total, String(share));
  assert.ok(clientRequests.total > 9900 && clientRequests.total <= 10_000);
});

test('large values and wide requests are found among all requests, however few are sampled', () => {
  const under = new WatchUnderTest({ sampleOneIn: 1_000_000 });
  for (let i = 0; i < 100; i++) under.ask('c', 'set', `k${i}`, 'x'.repeat(5000 + i));
  under.ask('c', 'mget', ...Array.from({ length: 50 }, (_, i) => `m${i}`));
  under.watch.onLargeReply(Buffer.from('read'), 'get', 70_000);
  const { largestWrites, largestReads, widest } = under.insight();
  assert.equal(largestWrites[0]!.item, 'k99');
  assert.equal(largestWrites.length, 32);
  assert.deepEqual(widest, [{ item: 'm0', size: 50, command: 'mget' }]);
  assert.deepEqual(largestReads, [{ item: 'read', size: 70_000, command: 'get' }]);
  assert.ok(under.watch.isLargeReply(5000));
  assert.ok(!under.watch.isLargeReply(100));
});

test('what is seen is forgotten after two minutes', () => {
  const under = new WatchUnderTest();
  under.ask('c', 'get', 'a');
  under.clock.nowMs += 61_000;
  under.ask('c', 'get', 'b');
  assert.deepEqual(counts(under.insight().hotKeys), { a: 1, b: 1 });
  under.clock.nowMs += 61_000;
  assert.deepEqual(counts(under.insight().hotKeys), { b: 1 });
  under.clock.nowMs += 61_000;
  assert.deepEqual(counts(under.insight().hotKeys), {});
});

test('turned off it sees nothing; hidden keys are told as hashes', () => {
  const off = new WatchUnderTest({ sampleOneIn: 0 });
  off.ask('c', 'set', 'a', 'x'.repeat(10_000));
  off.ask('c', 'mget', 'a', 'b');
  const { hotKeys, clientRequests, largestWrites, widest } = off.insight();
  assert.deepEqual([hotKeys.items, clientRequests.items, largestWrites, widest], [[], [], [], []]);
  assert.ok(!off.watch.isLargeReply(2 ** 30));

  const hidden = new WatchUnderTest({ hidesKeys: true });
  hidden.ask('c', 'set', 'a', 'x'.repeat(10_000));
  const told = hidden.insight();
  assert.match(told.hotKeys.items[0]!.item, /^key#[0-9a-f]{16}$/);
  assert.equal(told.largestWrites[0]!.item, told.hotKeys.items[0]!.item);
});
