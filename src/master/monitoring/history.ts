import type { PoolTraffic, Totals } from '../../admin/totals.ts';

/** Pools beyond these have no history: each takes some 70 KB. */
const POOLS_MAX = 64;
const SECONDS_KEPT = 15 * 60;
const MINUTES_KEPT = 24 * 60;
const MINUTE_S = 60;

const FIELDS = [
  'requestsPerSecond',
  'errorsPerSecond',
  'hitsPerSecond',
  'missesPerSecond',
  'clients',
  'p50Us',
  'p99Us',
] as const;
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

  dump(): TrackDump {
    const { buffer, byteOffset, byteLength } = this.values;
    return { count: this.count, values: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
  }

  /** False, and nothing is taken over, where it is not of the same shape. */
  restore({ count, values }: TrackDump): boolean {
    const bytes = Buffer.from(values, 'base64');
    if (bytes.length !== this.values.byteLength) return false;
    Buffer.from(this.values.buffer).set(bytes);
    this.count = count;
    return true;
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

/** What was kept of a pool, for another process to go on with; points in base64, in this machine's own order of bytes. */
export interface HistoryDump {
  readonly pool: string;
  readonly bySecond: TrackDump;
  readonly byMinute: TrackDump;
}

interface TrackDump {
  readonly count: number;
  readonly values: string;
}

const NO_TRACK = new Track(0);
const round = (value: number): number => Math.round(value * 100) / 100;

/** What rates are made of. */
type Counts = Pick<PoolTraffic, 'requests' | 'errors' | 'hits' | 'misses'>;

interface PoolHistory {
  /** Of the last second, and of a minute ago. */
  counts: Counts;
  minuteCounts: Counts;
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
    const names = new Set(this.totals.poolNames());
    for (const name of this.pools.keys()) if (!names.has(name)) this.pools.delete(name);
    for (const name of names) {
      let pool = this.pools.get(name);
      if (pool === undefined && this.pools.size >= POOLS_MAX) continue;
      const traffic = this.totals.traffic(name);
      if (traffic === null) continue;
      const { clients, times: latencies, ...counts } = traffic;
      if (pool === undefined) {
        pool = newPool(counts);
        this.pools.set(name, pool);
      }
      const point = (windowS: number, since: Counts, overS: number): HistoryPoint => {
        const times = latencies?.window(windowS, nowS);
        // What a server that was taken away had counted is gone.
        const rate = (count: keyof Counts) => Math.max(0, counts[count] - since[count]) / overS;
        return {
          requestsPerSecond: rate('requests'),
          errorsPerSecond: rate('errors'),
          hitsPerSecond: rate('hits'),
          missesPerSecond: rate('misses'),
          clients,
          p50Us: times?.quantileUs(0.5) ?? 0,
          p99Us: times?.quantileUs(0.99) ?? 0,
        };
      };
      pool.last = point(1, pool.counts, passedS);
      pool.bySecond.add(pool.last);
      pool.counts = counts;
      if (++pool.seconds % MINUTE_S !== 0) continue;
      pool.byMinute.add(point(MINUTE_S, pool.minuteCounts, MINUTE_S));
      pool.minuteCounts = counts;
    }
  }

  dump(): HistoryDump[] {
    return [...this.pools].map(([pool, { bySecond, byMinute }]) => {
      return { pool, bySecond: bySecond.dump(), byMinute: byMinute.dump() };
    });
  }

  /** Goes on with what another process has kept. */
  restore(dumps: readonly HistoryDump[]): void {
    for (const { pool, bySecond, byMinute } of dumps.slice(0, POOLS_MAX)) {
      const history = newPool(NO_COUNTS);
      if (history.bySecond.restore(bySecond) && history.byMinute.restore(byMinute)) this.pools.set(pool, history);
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

/** Of a pool of which nothing is known yet. */
export const NO_POINT: HistoryPoint = {
  requestsPerSecond: 0,
  errorsPerSecond: 0,
  hitsPerSecond: 0,
  missesPerSecond: 0,
  clients: 0,
  p50Us: 0,
  p99Us: 0,
};

/** The counts of a new process begin so. */
const NO_COUNTS: Counts = { requests: 0, errors: 0, hits: 0, misses: 0 };

function newPool(counts: Counts): PoolHistory {
  return {
    ...{ counts, minuteCounts: counts, seconds: 0, last: NO_POINT },
    bySecond: new Track(SECONDS_KEPT),
    byMinute: new Track(MINUTES_KEPT),
  };
}
