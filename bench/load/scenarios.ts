import type { Fleet } from './contenders.ts';
import { type DataSet, KB_10, KB_100, MB_1, MEMCACHED_SMALL, SMALL } from './data-set.ts';

/** Load that redis-benchmark makes: `clients` connections, each with `pipeline` requests under way. */
export interface RedisBenchmarkLoad {
  readonly tool: 'redis-benchmark';
  readonly data: DataSet;
  /** Keys per request: 1 is GET, more is MGET. */
  readonly keys: number;
  readonly isWrite: boolean;
  readonly clients: number;
  readonly pipeline: number;
  /** A new connection for each request. */
  readonly reconnects: boolean;
}

/** Load that our own generator makes, one request under way on each connection. */
export interface GeneratorLoad {
  readonly tool: 'generator';
  readonly data: DataSet;
  readonly keys: number;
  readonly isWrite: boolean;
  readonly clients: number;
  /** Share of the rate that nutcracker reached under full load; null: full load. */
  readonly loadShare: number | null;
}

/** A TLS connection for each request, `clients` of them under way. */
export interface ConnectorLoad {
  readonly tool: 'connector';
  readonly data: DataSet;
  readonly clients: number;
  /** Sessions are resumed; else each connection begins with a full handshake. */
  readonly isResumed: boolean;
}

export type Load = RedisBenchmarkLoad | GeneratorLoad | ConnectorLoad;

/** Clients that are there all the while and are not measured themselves. */
export interface Background {
  /** `idle`: asked once and then silent. `slow`: ask for much and read little of it. */
  readonly kind: 'idle' | 'slow';
  readonly clients: number;
}

/** Ratios to nutcracker that the scenario is to reach, at most. */
export interface Targets {
  readonly cpu?: number;
  readonly p99?: number;
  readonly p999?: number;
  readonly max?: number;
  readonly bytesPerClient?: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly load: Load;
  readonly background: Background | null;
  readonly fleet: Fleet;
  /** Ringmaster's workers: one contender for each number. */
  readonly workers: readonly number[];
  /** Length of a round where it is not the usual one, and the most rounds then. */
  readonly seconds: number | null;
  readonly maxRounds: number;
  readonly targets: Targets;
}

const redis: RedisBenchmarkLoad = {
  tool: 'redis-benchmark',
  data: SMALL,
  keys: 1,
  isWrite: false,
  clients: 50,
  pipeline: 1,
  reconnects: false,
};
const memcached: GeneratorLoad = {
  tool: 'generator',
  data: MEMCACHED_SMALL,
  keys: 1,
  isWrite: false,
  clients: 50,
  loadShare: null,
};

const connector: ConnectorLoad = { tool: 'connector', data: SMALL, clients: 20, isResumed: true };
/** Clients speak TLS: with Ringmaster, or with HAProxy or stunnel in front of nutcracker. */
const TLS = { fleet: { pools: 1, servers: 2, isTls: true }, targets: { cpu: 1.0 } };

const SINGLE: Targets = { cpu: 1.0, p99: 1.05 };
const IDLE_CLIENTS = 10_000;
const KB = 1024;

/** Everything that can be measured, in the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  scenario('get-1', 'GET 100 B, 1 client', { ...redis, clients: 1 }),
  scenario('get-50', 'GET 100 B, 50 clients', redis, { targets: SINGLE }),
  scenario('get-500', 'GET 100 B, 500 clients', { ...redis, clients: 500 }, { targets: SINGLE }),
  scenario('set-1', 'SET 100 B, 1 client', { ...redis, isWrite: true, clients: 1 }),
  scenario('set-50', 'SET 100 B, 50 clients', { ...redis, isWrite: true }, { targets: SINGLE }),
  scenario('set-500', 'SET 100 B, 500 clients', { ...redis, isWrite: true, clients: 500 }, { targets: SINGLE }),
  scenario(
    'pipeline-16',
    'GET 100 B, 50 clients, pipelines of 16',
    { ...redis, pipeline: 16 },
    { targets: { cpu: 0.5 } },
  ),
  scenario(
    'pipeline-100',
    'GET 100 B, 50 clients, pipelines of 100',
    { ...redis, pipeline: 100 },
    { targets: { cpu: 0.5 } },
  ),
  scenario('cluster-get-50', 'GET 100 B, 50 clients, of a Redis Cluster', redis, {
    fleet: { pools: 1, servers: 2, isCluster: true },
    targets: { cpu: 1.0 },
  }),
  scenario('mget-10', 'MGET of 10 keys, 50 clients', { ...redis, keys: 10 }),
  scenario('mget-100', 'MGET of 100 keys, 50 clients', { ...redis, keys: 100 }, { targets: { cpu: 0.8 } }),
  scenario('mget-1000', 'MGET of 1,000 keys, 50 clients', { ...redis, keys: 1000 }),
  scenario('get-10kb', 'GET 10 KB, 50 clients', { ...redis, data: KB_10 }),
  scenario('get-100kb', 'GET 100 KB, 50 clients', { ...redis, data: KB_100 }, { targets: { cpu: 1.0 } }),
  scenario('get-1mb', 'GET 1 MB, 50 clients', { ...redis, data: MB_1 }, { targets: { cpu: 1.0 } }),
  scenario('set-10kb', 'SET 10 KB, 50 clients', { ...redis, data: KB_10, isWrite: true }),
  scenario('set-100kb', 'SET 100 KB, 50 clients', { ...redis, data: KB_100, isWrite: true }, { targets: { cpu: 1.0 } }),
  scenario('set-1mb', 'SET 1 MB, 50 clients', { ...redis, data: MB_1, isWrite: true }, { targets: { cpu: 1.0 } }),
  scenario(
    'connect',
    'GET 100 B, a connection per request',
    { ...redis, reconnects: true },
    { targets: { cpu: 1.05 } },
  ),
  scenario('memcached-get-50', 'memcached get 100 B, 50 clients', memcached, { targets: SINGLE }),
  scenario(
    'memcached-get-500',
    'memcached get 100 B, 500 clients',
    { ...memcached, clients: 500 },
    { targets: SINGLE },
  ),
  scenario('memcached-set-50', 'memcached set 100 B, 50 clients', { ...memcached, isWrite: true }, { targets: SINGLE }),
  scenario(
    'memcached-set-500',
    'memcached set 100 B, 500 clients',
    { ...memcached, isWrite: true, clients: 500 },
    { targets: SINGLE },
  ),
  scenario(
    'memcached-multiget-100',
    'memcached get of 100 keys, 50 clients',
    { ...memcached, keys: 100 },
    { targets: { cpu: 0.8 } },
  ),
  scenario(
    'tail',
    'GET 100 B, 50 clients, 70 % load for a minute',
    { ...memcached, data: SMALL, loadShare: 0.7 },
    { seconds: 60, maxRounds: 3, targets: { p999: 1.5, max: 1.5 } },
  ),
  scenario('slow-readers', 'GET 100 B, 50 clients among 50 slow readers', redis, {
    background: { kind: 'slow', clients: 50 },
  }),
  scenario('idle-clients', `GET 100 B, 50 clients among ${IDLE_CLIENTS.toLocaleString('en')} idle ones`, redis, {
    background: { kind: 'idle', clients: IDLE_CLIENTS },
    targets: { bytesPerClient: 8 * KB },
  }),
  scenario('tls-get-50', 'TLS: GET 100 B, 50 clients', redis, TLS),
  scenario('tls-pipeline-16', 'TLS: GET 100 B, 50 clients, pipelines of 16', { ...redis, pipeline: 16 }, TLS),
  scenario('tls-connect', 'TLS: GET 100 B, a connection per request, sessions resumed', connector, TLS),
  scenario(
    'tls-handshake',
    'TLS: GET 100 B, a connection and a full handshake per request',
    { ...connector, isResumed: false },
    TLS,
  ),
  scenario('workers', 'GET 100 B, 200 clients, 1, 2 and 4 workers', { ...redis, clients: 200 }, { workers: [1, 2, 4] }),
];

/** A scenario with the usual extent, but for what `more` says. */
export function scenario(
  name: string,
  title: string,
  load: Load,
  more: Partial<Pick<Scenario, 'background' | 'fleet' | 'workers' | 'seconds' | 'maxRounds' | 'targets'>> = {},
): Scenario {
  return {
    name,
    title,
    load,
    background: null,
    fleet: { pools: 1, servers: 2 },
    workers: [1],
    seconds: null,
    maxRounds: Number.POSITIVE_INFINITY,
    targets: {},
    ...more,
  };
}
