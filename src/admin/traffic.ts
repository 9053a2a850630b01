import { type LargeItem, Largest } from '../figures/largest.ts';
import { SpaceSaving } from '../figures/space-saving.ts';
import type { HeavyList, TrafficInsight } from '../figures/traffic-insight.ts';

/** A key or a client, and how much of all is its. */
export interface HeavyShare {
  readonly item: string;
  readonly count: number;
  /** `count` may be too large by so much. */
  readonly error: number;
  /** Of the total: 0 to 1. */
  readonly share: number;
  readonly perSecond: number;
}

/** What all workers together have seen of a pool's traffic lately. */
export interface PoolTraffic {
  readonly pool: string;
  readonly coveredSeconds: number;
  readonly sampledOneIn: number;
  readonly hotKeys: readonly HeavyShare[];
  readonly clientsByRequests: readonly HeavyShare[];
  readonly clientsByBytes: readonly HeavyShare[];
  readonly largestReads: readonly LargeItem[];
  readonly largestWrites: readonly LargeItem[];
  readonly widest: readonly LargeItem[];
}

/** More than all workers tell of together, so that nothing is left out. */
const CAPACITY = 20_000;

/** Adds up what the workers have seen of one pool, to lists of `count` at most, without the first `offset`. */
export function poolTraffic(pool: string, insights: readonly TrafficInsight[], count: number, offset = 0): PoolTraffic {
  const ofPool = insights.filter(insight => insight.pool === pool);
  const coveredSeconds = Math.max(0, ...ofPool.map(({ coveredMs }) => coveredMs)) / 1000;
  const heavy = (listOf: (insight: TrafficInsight) => HeavyList): HeavyShare[] => {
    const sum = new SpaceSaving(CAPACITY);
    let total = 0;
    for (const insight of ofPool) {
      const list = listOf(insight);
      total += list.total;
      for (const { item, count: weight, error } of list.items) sum.add(item, weight, error);
    }
    return sum
      .heaviest(offset + count)
      .slice(offset)
      .map(each => ({
        ...each,
        share: total === 0 ? 0 : each.count / total,
        perSecond: coveredSeconds === 0 ? 0 : each.count / coveredSeconds,
      }));
  };
  const large = (listOf: (insight: TrafficInsight) => readonly LargeItem[]): LargeItem[] => {
    const all = new Largest(offset + count, 0);
    for (const insight of ofPool) for (const { item, size, command } of listOf(insight)) all.add(item, size, command);
    return all.list().slice(offset);
  };
  return {
    pool,
    coveredSeconds,
    sampledOneIn: ofPool[0]?.sampledOneIn ?? 0,
    hotKeys: heavy(insight => insight.hotKeys),
    clientsByRequests: heavy(insight => insight.clientRequests),
    clientsByBytes: heavy(insight => insight.clientBytes),
    largestReads: large(insight => insight.largestReads),
    largestWrites: large(insight => insight.largestWrites),
    widest: large(insight => insight.widest),
  };
}
