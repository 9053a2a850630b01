import type { Totals } from '../admin/totals.ts';

/** Pools beyond these have no history: each takes some 60 KB. */
const POOLS_MAX = 64;
const SECONDS_KEPT = 15 * 60;
const MINUTES_KEPT = 24 * 60;
const MINUTE_S = 60;

const FIELDS = ['requestsPerSecond', 'errorsPerSecond', 'clients', 'p50Us', 'p99Us'] as const;
type Field = (typeof FIELDS)[number];
export type HistoryPoint = Readonly<Record<Field, number>>;

/** Points of one pool, the newest `length` of them, in one block of memory. */
class Track {
  private readonly values: Float32Array;
  private readonly length: number;
  private count = 0;

  constructor(length: number) {
    this.length = length;
    this.values = new Float32Array(length * FIELDS.length);
  }

  add(point: HistoryPoint): void {
    const at = (this.count++ % this.length) * FIELDS.length;
    for (const [i, field] of FIELDS.entries()) this.values[at + i] = point[field];
  }

  /** The oldest first. */
  series(): Record<Field, number[]> {
    const first = Math.max(0, this.count - this.length);
    const column = (field: number) =>
      Array.from({ length: this.count - first }, (_, i) =>
        round(this.values[((first + i) % this.length) * FIELDS.length + field]!),
      );
    return Object.fromEntries(FIELDS.map((field, i) => [field, column(i)])) as Record<Field, number[]>;
  }
}

const NO_TRACK = new Track(0);
const round = (value: number): number => Math.round(value * 100) / 100;

interface PoolHistory {
  requests: number;
  errors: number;
  /** Of a minute ago. */
  minuteRequests: number;
  minuteErrors: number;
  seconds: number;
  last: HistoryPoint;
  readonly bySecond: Track;
  readonly byMinute: Track;
}

/** Rates and percentiles of each pool: of the last 15 minutes by the second, of the last 24 hours by the minute. */
export class History {
  private readonly pools = new Map<string, PoolHistory>();
  private readonly totals: Totals;
  private lastAtS: number;

  constructor(totals: Totals) {
    this.totals = totals;
    this.lastAtS = totals.nowS();
  }

  /** Takes a point; to be called once a second. */
  sample(): void {
    const nowS = this.totals.nowS();
    const passedS = Math.max(0.001, nowS - this.lastAtS);
    this.lastAtS = nowS;
    const names = this.totals.poolNames();
    for (const name of this.pools.keys()) if (!names.includes(name)) this.pools.delete(name);
    const latencies = new Map(this.totals.latencies().map(({ name, total }) => [name, total]));
    for (const { name, stats } of this.totals.pools()) {
      const { requests, forwardError: errors, clientConnections: clients } = stats;
      let pool = this.pools.get(name);
      if (pool === undefined) {
        if (this.pools.size >= POOLS_MAX) continue;
        pool = newPool(requests, errors);
        this.pools.set(name, pool);
      }
      const point = (windowS: number, sinceRequests: number, sinceErrors: number, overS: number): HistoryPoint => {
        const times = latencies.get(name)?.window(windowS, nowS);
        return {
          requestsPerSecond: (requests - sinceRequests) / overS,
          errorsPerSecond: (errors - sinceErrors) / overS,
          clients,
          p50Us: times?.quantileUs(0.5) ?? 0,
          p99Us: times?.quantileUs(0.99) ?? 0,
        };
      };
      pool.last = point(1, pool.requests, pool.errors, passedS);
      pool.bySecond.add(pool.last);
      pool.requests = requests;
      pool.errors = errors;
      if (++pool.seconds % MINUTE_S !== 0) continue;
      pool.byMinute.add(point(MINUTE_S, pool.minuteRequests, pool.minuteErrors, MINUTE_S));
      pool.minuteRequests = requests;
      pool.minuteErrors = errors;
    }
  }

  /** The last second; null: there is no history of the pool. */
  last(pool: string): HistoryPoint | null {
    return this.pools.get(pool)?.last ?? null;
  }

  /** `stepSeconds` lie between two points, the last of which is of now; null: there is no history of the pool. */
  of(pool: string, span: '15m' | '24h') {
    const history = this.pools.get(pool);
    if (history === undefined && !this.totals.poolNames().includes(pool)) return null;
    const isSeconds = span === '15m';
    return {
      pool,
      stepSeconds: isSeconds ? 1 : MINUTE_S,
      // Of a pool that is new there is none yet.
      series: ((isSeconds ? history?.bySecond : history?.byMinute) ?? NO_TRACK).series(),
    };
  }
}

function newPool(requests: number, errors: number): PoolHistory {
  return {
    ...{ requests, errors, minuteRequests: requests, minuteErrors: errors, seconds: 0 },
    last: { requestsPerSecond: 0, errorsPerSecond: 0, clients: 0, p50Us: 0, p99Us: 0 },
    bySecond: new Track(SECONDS_KEPT),
    byMinute: new Track(MINUTES_KEPT),
  };
}
