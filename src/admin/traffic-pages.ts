import type { Histogram } from '../figures/histogram.ts';
import { LATENCY_WINDOWS, type LatencyWindows } from '../figures/latency-windows.ts';
import type { SlowLogEntry } from '../figures/slow-request.ts';
import type { TrafficInsight } from '../figures/traffic-insight.ts';
import { type JsonPage, refused } from './api.ts';
import type { Totals } from './totals.ts';
import { type PoolTraffic, poolTraffic } from './traffic.ts';

/** What there is to know of single requests, keys, clients and commands. */
export interface TrafficSource {
  readonly totals: Totals;
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  fresh(): Promise<void>;
  /** The same, for what they have seen of the traffic lately. */
  insights(): Promise<readonly TrafficInsight[]>;
  /** The newest of a pool, or of all; undefined: there is no such pool. */
  slowlog(pool: string | null, count: number): readonly SlowLogEntry[] | undefined;
}

/** Lists of more are cut. */
const COUNT_MAX = 1000;
const COUNT_DEFAULT = 20;
const OFFSET_MAX = 100_000;
const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p98: 0.98, p99: 0.99, p999: 0.999, max: 1 } as const;
const MINUTE_S = 60;

interface Question {
  readonly pool: string | null;
  readonly count: number;
  /** So many before those are left out. */
  readonly offset: number;
}

/**
 * Pages of the API, by path. All take `pool` (left out: all); lists take `count` (20 unless given, 1000 at most) and `offset`.
 */
export function trafficPages(source: TrafficSource): ReadonlyMap<string, JsonPage> {
  const { totals } = source;
  const page =
    (body: (question: Question) => Promise<object | undefined>): JsonPage =>
    async query => {
      const count = Number(query.get('count') ?? COUNT_DEFAULT);
      if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
        return refused(400, `count must be a whole number from 1 to ${COUNT_MAX}`);
      }
      const offset = Number(query.get('offset') ?? 0);
      if (!Number.isInteger(offset) || offset < 0 || offset > OFFSET_MAX) {
        return refused(400, `offset must be a whole number from 0 to ${OFFSET_MAX}`);
      }
      const pool = query.get('pool');
      if (pool !== null && !totals.poolNames().includes(pool)) return refused(404, `there is no pool ${pool}`);
      const answer = await body({ pool, count, offset });
      return answer === undefined ? refused(404, `there is no pool ${pool}`) : { status: 200, body: answer };
    };
  const seen = (part: (traffic: PoolTraffic) => object): JsonPage =>
    page(async ({ pool, count, offset }) => {
      const insights = await source.insights();
      const names = pool === null ? totals.poolNames() : [pool];
      return { pools: names.map(name => part(poolTraffic(name, insights, count, offset))) };
    });

  return new Map<string, JsonPage>([
    [
      '/api/v1/slowlog',
      page(async ({ pool, count, offset }) => {
        const entries = source.slowlog(pool, offset + count);
        return entries && { entries: entries.slice(offset) };
      }),
    ],
    [
      '/api/v1/hotkeys',
      seen(({ pool, coveredSeconds, sampledOneIn, hotKeys }) => ({
        pool,
        coveredSeconds,
        sampledOneIn,
        keys: hotKeys,
      })),
    ],
    [
      '/api/v1/bigkeys',
      seen(({ pool, largestReads, largestWrites, widest }) => ({ pool, largestReads, largestWrites, widest })),
    ],
    [
      '/api/v1/busyclients',
      seen(({ pool, coveredSeconds, sampledOneIn, clientsByRequests, clientsByBytes }) => ({
        pool,
        coveredSeconds,
        sampledOneIn,
        byRequests: clientsByRequests,
        byBytes: clientsByBytes,
      })),
    ],
    [
      '/api/v1/commands',
      page(async ({ pool, count, offset }) => {
        await source.fresh();
        return {
          pools: latenciesOf(totals, pool).map(({ name, commands }) => ({
            pool: name,
            commands: commandsOf(commands, totals.nowS()).slice(offset, offset + count),
          })),
        };
      }),
    ],
    [
      '/api/v1/latency',
      page(async ({ pool }) => {
        await source.fresh();
        return {
          pools: latenciesOf(totals, pool).map(({ name, total, servers }) => ({
            pool: name,
            total: windowsOf(total, totals),
            servers: servers.map(({ name: server, server: taken, queue }) => ({
              server,
              taken: windowsOf(taken, totals),
              waited: windowsOf(queue, totals),
            })),
          })),
        };
      }),
    ],
  ]);
}

function latenciesOf(totals: Totals, pool: string | null) {
  return totals.latencies().filter(({ name }) => pool === null || name === pool);
}

/** The commands of most requests in the last minute first. */
function commandsOf(commands: readonly { readonly name: string; readonly total: LatencyWindows }[], nowS: number) {
  return commands
    .map(({ name, total }) => ({
      command: name,
      requests: total.total.count,
      lastMinute: summary(total.window(MINUTE_S, nowS), MINUTE_S),
    }))
    .sort((a, b) => b.lastMinute.requests - a.lastMinute.requests || b.requests - a.requests);
}

/** By the name of the window; `start`: since the start. Nothing while nothing was timed. */
function windowsOf(windows: LatencyWindows | null, { nowS, startedAtS }: Totals): Record<string, object> {
  if (windows === null) return {};
  const now = nowS();
  const recent = LATENCY_WINDOWS.map(({ name, seconds }) => [name, summary(windows.window(seconds, now), seconds)]);
  return Object.fromEntries([...recent, ['start', summary(windows.total, Math.max(1, now - startedAtS))]]);
}

function summary(histogram: Histogram, seconds: number) {
  const requests = histogram.count;
  const quantiles = Object.fromEntries(
    Object.entries(QUANTILES).map(([name, share]) => [`${name}Us`, histogram.quantileUs(share)]),
  ) as Record<`${keyof typeof QUANTILES}Us`, number>;
  return { requests, perSecond: requests / seconds, ...quantiles };
}
