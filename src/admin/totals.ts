import { BACKEND_FIELDS } from '../figures/backend-fields.ts';
import { FormatError } from '../figures/bytes.ts';
import type { LatencyWindows } from '../figures/latency-windows.ts';
import { POOL_FIELDS } from '../figures/pool-fields.ts';
import {
  BackendStats,
  newFailureCounts,
  type PoolSnapshot,
  PoolStats,
  type ProcessSnapshot,
} from '../figures/statistics.ts';
import { ReportReader, type ReportSink, type SeriesName } from '../ipc/report-reader.ts';
import { FAILURE_REASONS } from '../request/failure.ts';
import { atOnce, type Steps } from '../system/slices.ts';
import { SeriesTotals } from './series-totals.ts';
import { type DigestsOf, type UserNames, type UserNumbers, UserTotals } from './user-totals.ts';

/** A pool as far as its figures are concerned; a `PoolConfig` is one. */
export interface PoolNames {
  readonly name: string;
  readonly servers: readonly { readonly name: string }[];
}

/** One living worker. */
export interface WorkerFigures {
  readonly slot: number;
  readonly process: ProcessSnapshot;
  /** Of all pools. */
  readonly clientConnections: number;
}

/** Durations of one pool; null: none yet. */
export interface PoolLatencies {
  readonly name: string;
  readonly total: LatencyWindows | null;
  readonly servers: readonly {
    readonly name: string;
    readonly server: LatencyWindows | null;
    readonly queue: LatencyWindows | null;
  }[];
  readonly commands: readonly { readonly name: string; readonly total: LatencyWindows }[];
}

/** The numbers of a pool and its servers, each by the order of its shape; see `SERIES_SHAPES`. */
export interface PoolNumbers {
  readonly name: string;
  readonly numbers: Float64Array;
  readonly servers: readonly { readonly name: string; readonly numbers: Float64Array }[];
}

/** What went through a pool, and who is connected. */
export interface PoolTraffic {
  readonly requests: number;
  readonly errors: number;
  readonly clients: number;
  /** Keys that were asked for and were there, or not. */
  readonly hits: number;
  readonly misses: number;
  /** null: none yet. */
  readonly times: LatencyWindows | null;
}

/** Of more servers than this, those that nobody has asked anything yet are not listed. */
const ALL_SERVERS_MAX = 10_000;
/** What a worker sent before its end may arrive after it, so that much is remembered of so many of the dead. */
const RETIRED_KEPT = 64;
const poolField = (wanted: keyof PoolStats) => POOL_FIELDS.findIndex(({ field }) => field === wanted);
const serverField = (wanted: keyof BackendStats) => BACKEND_FIELDS.findIndex(({ field }) => field === wanted);
const CLIENT_CONNECTIONS = poolField('clientConnections');
const REQUESTS = poolField('requests');
const FORWARD_ERRORS = poolField('forwardError');
const VALUES_FOUND = serverField('valuesFound');
const VALUES_MISSING = serverField('valuesMissing');

interface Reporter {
  readonly reader: ReportReader;
  slot: number;
  process: ProcessSnapshot | null;
  isRetired: boolean;
}

/**
 * The sum over all workers of what they report. Counters and durations are kept, so they never go back, whoever dies;
 * gauges are those of the living. The pools and servers are those of the config: they are there before a worker has
 * reported on them, and what a worker reports on others is left out.
 */
export class Totals {
  /** Of whose passwords there are numbers. */
  digestsOf: DigestsOf = () => [];
  private entries: readonly PoolEntry[] = [];
  private byName = new Map<string, PoolEntry>();
  /** By the id of the worker, which is never used twice. */
  private readonly reporters = new Map<number, Reporter>();
  /** The clock of the windows. */
  readonly nowS: () => number;
  /** On that clock. */
  readonly startedAtS: number;

  /** `nowS`: seconds, on a clock that does not go back. */
  constructor(pools: readonly PoolNames[], nowS = () => performance.now() / 1000) {
    this.nowS = nowS;
    this.startedAtS = nowS();
    this.setPools(pools);
  }

  /** The servers of a pool are others than the config says. */
  setServers(pool: string, servers: readonly { readonly name: string }[]): void {
    this.byName.get(pool)?.setServers(servers);
  }

  /** Takes over another config. Pools, servers and users that stay, by name, keep what they have counted. */
  setPools(pools: readonly PoolNames[], users: readonly UserNames[] = []): void {
    atOnce(this.poolSteps(pools, users));
  }

  /** The same, pool by pool; pools that come are there at the end. */
  *poolSteps(pools: readonly PoolNames[], users: readonly UserNames[]): Steps<void> {
    const old = this.byName;
    const usersOf = new Map(pools.map(({ name }): [string, UserNames[]] => [name, []]));
    for (const user of users) for (const pool of user.pools) usersOf.get(pool)?.push(user);
    const byName = new Map<string, PoolEntry>();
    for (const { name, servers } of pools) {
      const entry = old.get(name) ?? new PoolEntry(name);
      entry.setServers(servers);
      entry.users.configure(usersOf.get(name)!);
      byName.set(name, entry);
      yield;
    }
    this.entries = inNameOrder([...byName.keys()]).map(name => byName.get(name)!);
    this.byName = byName;
  }

  /**
   * Takes in a worker's report, or a part of one; `process`: null when it is not the last part. While a worker is being
   * replaced two of them fill one slot, so they are told apart by `id`. Throws a FormatError when it is no report.
   */
  take(id: number, slot: number, report: Buffer, process: ProcessSnapshot | null): void {
    let reporter = this.reporters.get(id);
    if (reporter === undefined) {
      reporter = { reader: new ReportReader(), slot, process: null, isRetired: false };
      this.reporters.set(id, reporter);
    }
    reporter.process = process ?? reporter.process;
    reporter.reader.read(report, new WorkerSink(this, !reporter.isRetired, this.nowS()));
  }

  /** The worker is gone: its counters stay, its gauges and process figures vanish. */
  retire(id: number): void {
    const reporter = this.reporters.get(id);
    if (reporter === undefined) return;
    reporter.isRetired = true;
    for (const part of reporter.reader.known()) this.series(part)?.forget(part);
    let retired = 0;
    for (const each of this.reporters.values()) if (each.isRetired) retired++;
    for (const [each, { isRetired }] of this.reporters) {
      if (retired <= RETIRED_KEPT) break;
      if (!isRetired) continue;
      this.reporters.delete(each);
      retired--;
    }
  }

  /** Where the figures of a series belong; undefined: the config has no such pool or server. */
  series({ kind, pool, name }: SeriesName): SeriesTotals | undefined {
    const entry = this.byName.get(pool);
    if (kind === 'pool') return entry?.series;
    if (kind === 'server') return entry?.server(name);
    return kind === 'command' ? entry?.command(name) : entry?.users.series(kind, name);
  }

  /** In twemproxy's order. */
  poolNames(): string[] {
    return this.entries.map(({ name }) => name);
  }

  /** Pools, and the servers of each, in twemproxy's order. `only`: this pool; null: all. */
  pools(only: string | null = null): PoolSnapshot[] {
    return this.entriesOf(only).map(entry => entry.total());
  }

  /** The same without the servers. */
  poolStats(): Pick<PoolSnapshot, 'name' | 'stats'>[] {
    return this.entries.map(entry => ({ name: entry.name, stats: entry.stats() }));
  }

  private entriesOf(only: string | null): readonly PoolEntry[] {
    return only === null ? this.entries : this.entries.filter(({ name }) => name === only);
  }

  /** What is looked at every second: of thousands of servers most are passed over. Null: there is no such pool. */
  traffic(pool: string): PoolTraffic | null {
    return this.byName.get(pool)?.traffic() ?? null;
  }

  /** The numbers of all pools. Of very many servers those are left out of which nothing but zeros would be said. */
  figures(): PoolNumbers[] {
    const servers = this.entries.reduce((sum, entry) => sum + entry.serverCount, 0);
    const isLong = servers > ALL_SERVERS_MAX;
    return this.entries.map(entry => entry.numbers(isLong));
  }

  /** Of all pools that have users. */
  users(): UserNumbers[] {
    return this.entries.flatMap(entry => entry.users.numbers(entry.name, this.digestsOf));
  }

  /** In the order of `pools`. */
  latencies(only: string | null = null): PoolLatencies[] {
    return this.entriesOf(only).map(entry => entry.latencies());
  }

  /** Living workers that have reported, by slot; of two in one slot the younger. */
  workers(): WorkerFigures[] {
    const bySlot = new Map<number, WorkerFigures>();
    for (const { reader, slot, process, isRetired } of this.reporters.values()) {
      if (isRetired || process === null) continue;
      let clientConnections = 0;
      for (const part of reader.known()) {
        if (part.kind === 'pool') clientConnections += this.series(part)?.gauge(part, CLIENT_CONNECTIONS) ?? 0;
      }
      bySlot.set(slot, { slot, process, clientConnections });
    }
    return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
  }
}

/** Brings what one worker reports to where it belongs. */
class WorkerSink implements ReportSink {
  private readonly totals: Totals;
  private readonly isAlive: boolean;
  private readonly nowS: number;

  constructor(totals: Totals, isAlive: boolean, nowS: number) {
    this.totals = totals;
    this.isAlive = isAlive;
    this.nowS = nowS;
  }

  onNumber(series: SeriesName, field: number, value: number): void {
    this.totals.series(series)?.number(series, this.isAlive, field, value);
  }

  onTimes(series: SeriesName, which: number, packed: Buffer): void {
    const { totals, nowS } = this;
    totals.series(series)?.addTimes(which, packed, nowS);
    // Each request is one of some command: the pool's durations are those of all its commands.
    if (series.kind === 'command')
      totals.series({ kind: 'pool', pool: series.pool, name: '' })?.addTimes(0, packed, nowS);
  }

  onGone(series: SeriesName): void {
    this.totals.series(series)?.forget(series);
  }
}

/** A worker that names more commands in a pool makes no sense. */
const COMMANDS_MAX = 5000;

class PoolEntry {
  readonly name: string;
  readonly series = new SeriesTotals('pool');
  /** Of the servers, as they were given. */
  private names: readonly string[] = [];
  /** In twemproxy's order. */
  private servers = new Map<string, SeriesTotals>();
  private readonly commands = new Map<string, SeriesTotals>();
  readonly users = new UserTotals();

  constructor(name: string) {
    this.name = name;
  }

  setServers(servers: readonly { readonly name: string }[]): void {
    const names = servers.map(({ name }) => name);
    if (names.length === this.names.length && names.every((name, i) => name === this.names[i])) return;
    this.names = names;
    const old = this.servers;
    this.servers = new Map(inNameOrder(names).map(name => [name, old.get(name) ?? new SeriesTotals('server')]));
  }

  server(name: string): SeriesTotals | undefined {
    return this.servers.get(name);
  }

  command(name: string): SeriesTotals {
    let series = this.commands.get(name);
    if (series === undefined) {
      if (this.commands.size >= COMMANDS_MAX) throw new FormatError(`more than ${COMMANDS_MAX} commands`);
      series = new SeriesTotals('command');
      this.commands.set(name, series);
    }
    return series;
  }

  get serverCount(): number {
    return this.servers.size;
  }

  numbers(leavesOutUntouched: boolean): PoolNumbers {
    const servers: { name: string; numbers: Float64Array }[] = [];
    for (const [name, series] of this.servers) {
      if (!leavesOutUntouched || series.isTouched) servers.push({ name, numbers: series.numbers() });
    }
    return { name: this.name, numbers: this.series.numbers(), servers };
  }

  stats(): PoolStats {
    const stats = new PoolStats();
    fill(stats, POOL_FIELDS, this.series.numbers());
    return stats;
  }

  total(): PoolSnapshot {
    return {
      name: this.name,
      stats: this.stats(),
      backends: [...this.servers].map(([name, series]) => serverTotal(name, series)),
    };
  }

  traffic(): PoolTraffic {
    const { series } = this;
    let [hits, misses] = [0, 0];
    for (const server of this.servers.values()) {
      if (!server.isTouched) continue;
      hits += server.numberOf(VALUES_FOUND);
      misses += server.numberOf(VALUES_MISSING);
    }
    return {
      ...{ hits, misses },
      requests: series.numberOf(REQUESTS),
      errors: series.numberOf(FORWARD_ERRORS),
      clients: series.numberOf(CLIENT_CONNECTIONS),
      times: series.times[0]!,
    };
  }

  latencies(): PoolLatencies {
    const servers = [...this.servers].map(([name, { times }]) => ({ name, server: times[0]!, queue: times[1]! }));
    const commands = [...this.commands]
      .flatMap(([name, { times }]) => (times[0] ? [{ name, total: times[0] }] : []))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return { name: this.name, total: this.series.times[0]!, servers, commands };
  }
}

function serverTotal(name: string, series: SeriesTotals): PoolSnapshot['backends'][number] {
  const numbers = series.numbers();
  const failures = newFailureCounts();
  for (const [i, reason] of FAILURE_REASONS.entries()) failures[reason] = numbers[BACKEND_FIELDS.length + i]!;
  const stats = Object.assign(new BackendStats(), { failures });
  fill(stats, BACKEND_FIELDS, numbers);
  return { name, stats };
}

function fill<Stats>(stats: Stats, fields: readonly { readonly field: keyof Stats }[], numbers: Float64Array): void {
  for (const [i, { field }] of fields.entries()) (stats[field] as number) = numbers[i]!;
}

/** By length in bytes, then by bytes, as twemproxy sorts its pools and servers. */
function inNameOrder(names: readonly string[]): string[] {
  return names
    .map(name => ({ name, bytes: Buffer.from(name) }))
    .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
    .map(({ name }) => name);
}
