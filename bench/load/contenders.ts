import { childPids } from '../../test/support/child.ts';
import { freePort, freePorts } from '../../test/support/free-port.ts';
import { startMemcached } from '../../test/support/memcached-server.ts';
import { startNutcracker } from '../../test/support/nutcracker.ts';
import { type RedisCluster, startCluster } from '../../test/support/redis-cluster.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { startRingmaster } from '../../test/support/ringmaster.ts';
import type { DataSet } from './data-set.ts';
import { type Pinning, pin } from './pinning.ts';
import { makeCertificates, type StageCertificates, startTerminator, type Terminator } from './terminators.ts';

const MEMCACHED_MIB = 256;
const START_TIMEOUT_MS = 60_000;

/** What takes part in a scenario. */
export interface ContenderPlan {
  readonly name: string;
  /** `none`: the load goes to one of the servers itself. */
  readonly proxy: 'nutcracker' | 'ringmaster' | 'none';
  /** What speaks TLS in front of it; null: nothing, or it does so itself. */
  readonly terminator: Terminator | null;
  readonly workers: number;
  /** Ringmaster's program; null: the one beside this benchmark. */
  readonly entry: string | null;
  readonly launch: Launch;
  /** Has the scenario's background clients. */
  readonly hasBackground: boolean;
}

/** How Ringmaster is started where it is not the usual way (another socket layer, a profiler). */
export interface Launch {
  /** Further flags of its command line. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What a proxy has to do with besides the load. */
export interface Fleet {
  /** Pools for Redis, each with a port of its own; there is always one more for memcached. */
  readonly pools: number;
  /** Of each pool. More than the stage has are the same ones under further names, with connections of their own. */
  readonly servers: number;
  /** Ringmaster's Redis pools are a Redis Cluster of as many primaries; nutcracker, which knows none, keeps its ring. */
  readonly isCluster?: boolean;
  /** Clients of Redis pools speak TLS. */
  readonly isTls?: boolean;
}

/** A running proxy. */
export interface Contender {
  readonly plan: ContenderPlan;
  /** Path of the certificate that signed those of its ports; null: they are plain. */
  readonly ca: string | null;
  /** One for each pool that has the data. */
  portsFor(data: DataSet): readonly number[];
  /** All its processes. */
  pids(): number[];
  /** Those that carry traffic. */
  workerPids(): number[];
  stop(): Promise<void>;
}

/** The real servers, two of each kind, and where everybody's cores are. */
export interface Stage {
  readonly pinning: Pinning;
  readonly redisPorts: readonly number[];
  readonly memcachedPorts: readonly number[];
  /** Of a Redis Cluster with as many primaries as there are Redis servers, started when it is first asked for. */
  cluster(): Promise<readonly number[]>;
  /** Made when they are first asked for. */
  certificates(): Promise<StageCertificates>;
  stop(): Promise<void>;
}

/** Starts the servers. They inherit this process's cores, those of the load. */
export async function setStage(pinning: Pinning): Promise<Stage> {
  const memcachedOptions = { memoryMiB: MEMCACHED_MIB, args: ['-t', '1'] };
  const redis = [await startRedis(), await startRedis()];
  const memcached = [await startMemcached(memcachedOptions), await startMemcached(memcachedOptions)];
  let cluster: Promise<RedisCluster> | null = null;
  let certificates: Promise<StageCertificates> | null = null;
  return {
    certificates: () => {
      certificates ??= makeCertificates();
      return certificates;
    },
    cluster: async () => {
      cluster ??= startCluster({ primaries: redis.length });
      return (await cluster).nodes.map(({ server }) => server.port);
    },
    pinning,
    redisPorts: redis.map(server => server.port),
    memcachedPorts: memcached.map(server => server.port),
    stop: async () => {
      await Promise.all([...redis, ...memcached].map(server => server.stop()));
      await (await cluster)?.stop();
    },
  };
}

/** Starts a proxy in front of the stage's servers, on the proxies' cores. All get the same file, in twemproxy's form. */
export async function startContender(plan: ContenderPlan, fleet: Fleet, stage: Stage): Promise<Contender> {
  if (plan.proxy === 'none') return noProxy(plan, stage);
  const [memcachedPort, ...redisPorts] = (await freePorts(1 + fleet.pools)) as [number, ...number[]];
  const config = [
    ...redisPorts.flatMap((port, i) => pool(`redis_pool_${i}`, port, true, serversOf(stage.redisPorts, fleet))),
    ...pool('memcached_pool', memcachedPort, false, serversOf(stage.memcachedPorts, fleet)),
  ].join('\n');
  const isRingmaster = plan.proxy === 'ringmaster';
  let own = config;
  if (fleet.isCluster && isRingmaster) own = clusterConfig(redisPorts, await stage.cluster());
  if (fleet.isTls && isRingmaster) own = tlsConfig(redisPorts, stage.redisPorts, await stage.certificates());
  const running = await (isRingmaster ? ringmaster(own, plan) : nutcracker(config));
  const { terminator } = plan;
  const front = terminator === null ? null : await startTerminator(terminator, redisPorts, await stage.certificates());
  const contender: Contender = {
    plan,
    ca: fleet.isTls ? (await stage.certificates()).ca : null,
    portsFor: data => (data.protocol === 'redis' ? (front?.ports ?? redisPorts) : [memcachedPort]),
    pids: () => (front === null ? running.pids() : [front.pid, ...running.pids()]),
    workerPids: () => (front === null ? running.workerPids() : [front.pid, ...running.workerPids()]),
    async stop() {
      await front?.stop();
      await running.stop();
    },
  };
  if (stage.pinning.cores !== null) {
    for (const pid of contender.pids()) {
      const problem = pin(pid, stage.pinning.cores.proxy);
      if (problem !== null) throw new Error(problem);
    }
  }
  return contender;
}

/** Shows what of a latency is the generator's, the server's and the machine's. */
function noProxy(plan: ContenderPlan, stage: Stage): Contender {
  return {
    plan,
    ca: null,
    portsFor: data => serverPorts(stage, data).slice(0, 1),
    pids: () => [],
    workerPids: () => [],
    stop: async () => {},
  };
}

/** The stage's servers that speak the data set's protocol. */
export function serverPorts(stage: Stage, { protocol }: DataSet): readonly number[] {
  return protocol === 'redis' ? stage.redisPorts : stage.memcachedPorts;
}

function serversOf(ports: readonly number[], { servers }: Fleet): number[] {
  return Array.from({ length: servers }, (_, i) => ports[i % ports.length]!);
}

type Running = Pick<Contender, 'pids' | 'workerPids' | 'stop'>;

async function nutcracker(config: string): Promise<Running> {
  const { pid, stop } = await startNutcracker(config);
  return { pids: () => [pid], workerPids: () => [pid], stop };
}

async function ringmaster(config: string, { workers, entry, launch }: ContenderPlan): Promise<Running> {
  const daemon = await startRingmaster({
    config,
    workers,
    args: ['-a', '127.0.0.1', '-s', String(await freePort()), ...launch.args],
    env: launch.env,
    startTimeoutMs: START_TIMEOUT_MS,
    ...(entry === null ? {} : { entry }),
  });
  return {
    pids: () => [daemon.pid, ...childPids(daemon.pid)],
    workerPids: () => childPids(daemon.pid),
    stop: () => daemon.stop(),
  };
}

function clusterConfig(ports: readonly number[], seeds: readonly number[]): string {
  const pools = ports.map(
    (port, i) => `  redis_pool_${i}: { listen: "127.0.0.1:${port}", protocol: redis, preconnect: true, timeout: none,
    cluster: { seeds: [${seeds.map(seed => `"127.0.0.1:${seed}"`).join(', ')}] } }`,
  );
  return `admin: false\npools:\n${pools.join('\n')}\n`;
}

/** The same ring and the same waits as the file in twemproxy's form has. */
function tlsConfig(
  ports: readonly number[],
  servers: readonly number[],
  { server: { cert, key } }: StageCertificates,
): string {
  const pools = ports.map(
    (
      port,
      i,
    ) => `  redis_pool_${i}: { listen: "127.0.0.1:${port}", protocol: redis, hash: fnv1a_64, distribution: ketama,
    backlog: 1024, preconnect: true, timeout: none, listen_tls: { cert: ${cert}, key: ${key} },
    servers: [${servers.map((each, n) => `"127.0.0.1:${each}:1 redis_pool_${i}-${n}"`).join(', ')}] }`,
  );
  return `admin: false\npools:\n${pools.join('\n')}\n`;
}

/** Servers have names of their own, so that keys fall the same way whatever the ports. */
function pool(name: string, port: number, isRedis: boolean, servers: readonly number[]): string[] {
  return [
    `${name}:`,
    `  listen: 127.0.0.1:${port}`,
    `  redis: ${isRedis}`,
    '  hash: fnv1a_64',
    '  distribution: ketama',
    '  backlog: 1024',
    '  preconnect: true',
    '  servers:',
    ...servers.map((server, i) => `    - 127.0.0.1:${server}:1 ${name}-${i}`),
    '',
  ];
}
