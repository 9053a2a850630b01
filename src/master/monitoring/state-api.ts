import { type ApiRoute, paged, refused } from '../../admin/api.ts';
import type { WorkerReadiness } from '../../admin/readiness.ts';
import type { TopologyRow } from '../../admin/topology-row.ts';
import type { Totals } from '../../admin/totals.ts';
import { addressText, listenText } from '../../config/address.ts';
import type { Config, PoolConfig } from '../../config/config.ts';
import type { OutServer } from '../../ipc/messages.ts';
import { VERSION } from '../../system/version.ts';
import type { HandVerdict } from '../servers/hand-verdicts.ts';
import type { Events } from './events.ts';
import { type History, type HistoryPoint, NO_POINT } from './history.ts';
import { RingViews } from './ring-view.ts';
import { userRows } from './user-rows.ts';

const RATE_WINDOW_S = 10;

export interface StateSource {
  readonly totals: Totals;
  readonly history: History;
  readonly events: Events;
  /** Its pools have the servers that were found. */
  config(): Config;
  topologies(): readonly TopologyRow[];
  workers(): readonly WorkerReadiness[];
  out(): readonly OutServer[];
  /** Health checks find them down, and nobody stands in for them. */
  unwell(): readonly OutServer[];
  byHand(pool: string, server: string): HandVerdict | null;
  /** Settings that were set since the file was read, and blocks. */
  steered(): { readonly settings: number; readonly blocks: number };
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  fresh(): Promise<void>;
}

export interface Overview {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly workers: { readonly serving: number; readonly wanted: number; readonly restarts: number };
  readonly steered: { readonly settings: number; readonly blocks: number };
  readonly pools: readonly PoolRow[];
}

export interface PoolRow extends HistoryPoint {
  readonly pool: string;
  readonly protocol: string;
  readonly servers: number;
  readonly out: number;
}

export interface ServerRow {
  readonly pool: string;
  readonly server: string;
  readonly address: string;
  readonly weight: number;
  /** Null: it was not found, but stands in the file. */
  readonly role: 'primary' | 'replica' | null;
  /** Of a cluster: how many it has. */
  readonly slots: number | null;
  readonly state: 'in' | 'unwell' | 'ejected' | 'down' | 'ejected by hand' | 'drained by hand';
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly inflight: number;
  readonly errorReplies: number;
  readonly failures: number;
  /** Keys that it was asked for and had, or had not; see docs/metrics.md. */
  readonly hits: number;
  readonly misses: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly timeouts: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** Why it is out of the ring, in words or as a FailureReason, or unwell; null: it is in. */
  readonly why: string | null;
}

export interface WorkerRow extends WorkerReadiness {
  readonly clients: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heldBytes: number;
}

export function overview(source: StateSource): Overview {
  const workers = source.workers();
  const out = Map.groupBy(source.out(), ({ pool }) => pool);
  return {
    version: VERSION,
    pid: process.pid,
    uptimeSeconds: Math.floor(process.uptime()),
    workers: {
      serving: workers.filter(({ state }) => state === 'serving').length,
      wanted: workers.length,
      restarts: workers.reduce((sum, { restarts }) => sum + restarts, 0),
    },
    steered: source.steered(),
    pools: source.config().pools.map(({ name, protocol, servers }) => ({
      pool: name,
      protocol,
      servers: servers.length,
      out: new Set(out.get(name)?.map(({ server }) => server)).size,
      ...(source.history.last(name) ?? NO_POINT),
    })),
  };
}

function servers(source: StateSource, only: string | null): ServerRow[] {
  const { totals } = source;
  const nowS = totals.nowS();
  const figures = new Map(
    totals.pools(only).map(each => [each.name, new Map(each.backends.map(b => [b.name, b.stats]))]),
  );
  const times = new Map(
    totals.latencies(only).map(each => [each.name, new Map(each.servers.map(s => [s.name, s.server]))]),
  );
  const out = Map.groupBy(source.out(), ({ pool }) => pool);
  const unwell = Map.groupBy(source.unwell(), ({ pool }) => pool);
  const found = new Map(
    source.topologies().map(each => [each.pool, new Map(each.nodes.map(node => [node.server, node]))]),
  );
  return source.config().pools.flatMap(pool => {
    if (only !== null && pool.name !== only) return [];
    const ofPool = figures.get(pool.name);
    const [verdicts, doubts] = [out, unwell].map(each => firstByServer(each.get(pool.name) ?? []));
    return serversOf(pool, ofPool?.keys() ?? []).map(({ name, address, weight }): ServerRow => {
      const stats = ofPool?.get(name);
      const recent = times.get(pool.name)?.get(name)?.window(RATE_WINDOW_S, nowS);
      const verdict = verdicts?.get(name);
      const doubt = doubts?.get(name);
      const hand = source.byHand(pool.name, name);
      const node = found.get(pool.name)?.get(name);
      const judged = verdict ? (verdict.isEjected ? 'ejected' : 'down') : doubt && 'unwell';
      const state = hand === null ? judged : (`${hand} by hand` as const);
      return {
        ...{ pool: pool.name, server: name, address, weight, state: state ?? 'in' },
        role: node?.role ?? null,
        slots: pool.cluster === null ? null : (node?.slots ?? 0),
        requests: stats?.requests ?? 0,
        requestsPerSecond: (recent?.count ?? 0) / RATE_WINDOW_S,
        inflight: stats?.outQueue ?? 0,
        errorReplies: stats?.errorReplies ?? 0,
        failures: Object.values(stats?.failures ?? {}).reduce((sum, count) => sum + count, 0),
        hits: stats?.valuesFound ?? 0,
        misses: stats?.valuesMissing ?? 0,
        p50Us: recent?.quantileUs(0.5) ?? 0,
        p99Us: recent?.quantileUs(0.99) ?? 0,
        timeouts: stats?.serverTimedout ?? 0,
        requestBytes: stats?.requestBytes ?? 0,
        responseBytes: stats?.responseBytes ?? 0,
        connections: stats?.serverConnections ?? 0,
        queued: stats?.inQueue ?? 0,
        why: verdict?.why ?? doubt?.why ?? null,
      };
    });
  });
}

/** A server may be both down and ejected: what is said first counts. */
function firstByServer(out: readonly OutServer[]): ReadonlyMap<string, OutServer> {
  return new Map(out.toReversed().map(verdict => [verdict.server, verdict]));
}

/** Of a cluster the file has a few of its nodes only; their names are their addresses. */
function serversOf({ cluster, servers }: PoolConfig, found: Iterable<string>) {
  if (cluster !== null) return Array.from(found, name => ({ name, address: name, weight: 1 }));
  return servers.map(({ name, address, weight }) => ({ name, address: addressText(address), weight }));
}

function workers(source: StateSource): WorkerRow[] {
  const figures = new Map(source.totals.workers().map(each => [each.slot, each]));
  return source.workers().map(state => {
    const { process: taken, clientConnections = 0 } = figures.get(state.slot) ?? {};
    return {
      ...state,
      clients: clientConnections,
      cpuSeconds: ((taken?.cpuUserUs ?? 0) + (taken?.cpuSystemUs ?? 0)) / 1e6,
      residentBytes: taken?.residentBytes ?? 0,
      heldBytes: taken?.heldBytes ?? 0,
    };
  });
}

/** How things are and were. */
export function stateRoutes(source: StateSource): ApiRoute[] {
  const get = (name: string, handle: ApiRoute['handle']): ApiRoute => ({
    method: 'GET',
    path: `/api/v1/${name}`,
    handle,
  });
  const rings = new RingViews();
  return [
    get('overview', async () => ({ status: 200, body: overview(source) })),
    get('pools', async ({ query }) => {
      await source.fresh();
      const figures = new Map(source.totals.poolStats().map(({ name, stats }) => [name, stats]));
      const rows = source.config().pools.map(({ name, protocol, listen }) => ({
        ...{ pool: name, protocol, listen: listenText(listen), ...(source.history.last(name) ?? NO_POINT) },
        figures: { ...figures.get(name) },
      }));
      return paged(query, 'pools', rows);
    }),
    get('servers', async ({ query }) => {
      await source.fresh();
      return paged(query, 'servers', servers(source, query.get('pool')));
    }),
    get('workers', async ({ query }) => {
      await source.fresh();
      return paged(query, 'workers', workers(source));
    }),
    get('users', async ({ query }) => {
      await source.fresh();
      const only = query.get('pool');
      const rows = userRows(source.totals).filter(({ pool }) => only === null || pool === only);
      return paged(query, 'users', rows);
    }),
    get('events', async ({ query }) => {
      const since = Number(query.get('since') ?? 0);
      if (!Number.isInteger(since) || since < 0) return refused(400, 'since must be the id of an event');
      return paged(query, 'events', source.events.list(since));
    }),
    get('ring', async ({ query }) => {
      const name = query.get('pool');
      const pool = source.config().pools.find(each => each.name === name);
      if (pool === undefined) return refused(404, `there is no pool ${name}`);
      if (pool.cluster !== null) return refused(409, `pool ${name} is a cluster, and no ring`);
      const out = new Set(source.out().flatMap(each => (each.pool === name ? [each.server] : [])));
      return { status: 200, body: rings.of(pool, server => !out.has(server)) };
    }),
    get('history', async ({ query }) => {
      const [pool, span] = [query.get('pool') ?? '', query.get('span') ?? '15m'];
      if (span !== '15m' && span !== '24h') return refused(400, 'span must be 15m or 24h');
      const body = source.history.of(pool, span);
      return body === null ? refused(404, `there is no history of a pool ${pool}`) : { status: 200, body };
    }),
  ];
}
