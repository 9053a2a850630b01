import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolTraffic } from '../../../src/admin/traffic.ts';
import type { TrafficInsight } from '../../../src/figures/traffic-insight.ts';

const NOTHING = { total: 0, items: [] };

function insight(pool: string, change: Partial<TrafficInsight>): TrafficInsight {
  return {
    pool,
    coveredMs: 10_000,
    sampledOneIn: 100,
    hotKeys: NOTHING,
    clientRequests: NOTHING,
    clientBytes: NOTHING,
    largestReads: [],
    largestWrites: [],
    widest: [],
    ...change,
  };
}

test('the same key at several workers is added up, with its share of all and its rate', () => {
  const insights = [
    insight('p', { hotKeys: { total: 600, items: [{ item: 'hot', count: 300, error: 2 }] } }),
    insight('q', { hotKeys: { total: 9000, items: [{ item: 'hot', count: 9000, error: 0 }] } }),
    insight('p', {
      coveredMs: 20_000,
      hotKeys: {
        total: 400,
        items: [
          { item: 'warm', count: 250, error: 0 },
          { item: 'hot', count: 100, error: 1 },
        ],
      },
    }),
  ];
  const { hotKeys, coveredSeconds, sampledOneIn } = poolTraffic('p', insights, 10);
  assert.deepEqual(hotKeys, [
    { item: 'hot', count: 400, error: 3, share: 0.4, perSecond: 20 },
    { item: 'warm', count: 250, error: 0, share: 0.25, perSecond: 12.5 },
  ]);
  assert.deepEqual([coveredSeconds, sampledOneIn], [20, 100]);
  assert.equal(poolTraffic('p', insights, 1).hotKeys.length, 1);
  assert.deepEqual(
    poolTraffic('p', insights, 5, 1).hotKeys.map(({ item }) => item),
    ['warm'],
  );
});

test('of large values each key comes once, with the largest that any worker saw', () => {
  const insights = [
    insight('p', { largestReads: [{ item: 'a', size: 5000, command: 'get' }] }),
    insight('p', {
      largestReads: [
        { item: 'a', size: 9000, command: 'get' },
        { item: 'b', size: 7000, command: 'hgetall' },
      ],
    }),
  ];
  assert.deepEqual(poolTraffic('p', insights, 10).largestReads, [
    { item: 'a', size: 9000, command: 'get' },
    { item: 'b', size: 7000, command: 'hgetall' },
  ]);
});

test('nothing seen: empty lists', () => {
  const { hotKeys, clientsByRequests, coveredSeconds } = poolTraffic('p', [insight('p', { coveredMs: 0 })], 10);
  assert.deepEqual([hotKeys, clientsByRequests, coveredSeconds], [[], [], 0]);
});
