// A soak: clients that check every byte of every answer, while servers and workers die, freeze and come back and the
// configuration is reloaded. Then all is let be, and what is left has to add up.
//
//   warm-up (no faults) ─▶ faults ─▶ calm: every key is read once more, without a single error ─▶ nobody: memory,
//                                                                          descriptors and gauges are where they were
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { askAdmin, metricOf } from '../support/admin-client.ts';
import { freePorts } from '../support/free-port.ts';
import { residentMemory } from '../support/process-memory.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Dialect, MEMCACHED_DIALECT, REDIS_DIALECT } from './dialects.ts';
import { HostileServers } from './hostile-servers.ts';
import { SoakClient, type SoakPool } from './soak-client.ts';
import { HOSTILE_PREFIX, type SoakPlaces, type SoakPoolName, soakConfig, USUAL_VARIANT } from './soak-config.ts';
import { type Fault, SoakFaults } from './soak-faults.ts';
import { SoakHostiles } from './soak-hostiles.ts';
import { SoakServers } from './soak-servers.ts';
import { SoakTally } from './soak-tally.ts';

export interface SoakOptions {
  readonly seed: number;
  /** With load and without faults, to begin with. */
  readonly warmUpMs: number;
  /** With load and faults. */
  readonly faultsMs: number;
  /** Of each of the four pools. */
  readonly clients: number;
  readonly workers: number;
  /** Hears what is going on, a line at a time. */
  readonly say?: (line: string) => void;
}

/** Of one process of Ringmaster. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly descriptors: number;
}

export interface SoakReport {
  readonly tally: SoakTally;
  readonly faults: ReadonlyMap<Fault, number>;
  readonly seconds: number;
  /** Before the first client, after the warm-up, and after the last client. Of workers the greatest. */
  readonly master: readonly [ProcessFigures, ProcessFigures, ProcessFigures];
  readonly worker: readonly [ProcessFigures, ProcessFigures, ProcessFigures];
  /** Empty: all is well. */
  readonly problems: readonly string[];
}

const HOSTILE_REDIS = 3;
const HOSTILE_MEMCACHED = 2;
/**
 * What resident memory may have grown by since the warm-up: the young generation of V8 grows when there are bursts
 * (--max-semi-space-size=64), and pages that were used once stay.
 */
const MEMORY_SLACK_BYTES = 160 << 20;
/** Servers that mean harm are being probed at any time. */
const DESCRIPTOR_SLACK = 3 + HOSTILE_REDIS + HOSTILE_MEMCACHED;
const CALM_TIMEOUT_MS = 20_000;
/** Reconnects wait a second at most, probes of ejected servers `server_retry_timeout` and more when that was often. */
const LONGEST_BACK_OFF_MS = 1500;

/** Runs a soak with servers and a Ringmaster of its own. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const random = new SeededRandom(options.seed);
  const redis = await SoakServers.redis(3);
  const memcached = await SoakServers.memcached(2);
  const hostileRandom = new SeededRandom(random.between(0, 2 ** 31));
  const hostile = {
    redis: await HostileServers.start('redis', HOSTILE_REDIS, hostileRandom),
    memcached: await HostileServers.start('memcached', HOSTILE_MEMCACHED, hostileRandom),
  };
  const [adminPort, extraPort, a, b, c, d, e, f] = (await freePorts(8)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const places: SoakPlaces = {
    adminPort,
    extraPort,
    pools: { redis: a, memcached: b, redis_loose: c, memcached_loose: d },
    redis: redis.ports,
    memcached: memcached.ports,
    hostile: {
      redis: { listen: e, servers: hostile.redis.ports },
      memcached: { listen: f, servers: hostile.memcached.ports },
    },
  };
  const config = soakConfig(places, USUAL_VARIANT);
  const ringmaster = await startRingmaster({ config, workers: options.workers, args: ['-v', 'warn'] });
  try {
    return await soak(options, random, places, [redis, memcached], ringmaster);
  } finally {
    await ringmaster.kill();
    for (const servers of Object.values(hostile)) servers.stop();
    await Promise.all([redis.killAll(), memcached.killAll()]);
  }
}

async function soak(
  options: SoakOptions,
  random: SeededRandom,
  places: SoakPlaces,
  servers: readonly [SoakServers, SoakServers],
  ringmaster: Ringmaster,
): Promise<SoakReport> {
  const { say = () => {} } = options;
  const startedAtMs = performance.now();
  const tally = new SoakTally();
  const isReady = () => isReadyBesidesHostile(places.adminPort);
  await waitFor(isReady, { what: 'Ringmaster to be ready' });
  const before = figures(ringmaster);

  const pools = poolsOf(places, servers);
  const clients = pools.flatMap(pool =>
    Array.from({ length: options.clients }, (_, i) => {
      return new SoakClient(pool, i, new SeededRandom(random.between(0, 2 ** 31)), tally);
    }),
  );
  const running = clients.map(client => client.run());
  say(`${clients.length} clients, ${options.workers} workers; warming up for ${options.warmUpMs / 1000} s`);
  await delay(options.warmUpMs);
  if (tally.outcomes.failed > 0) tally.problem(`errors without a fault: ${[...tally.errors.keys()].join('; ')}`);
  if (tally.outcomes.closed > 0)
    tally.problem(`${tally.outcomes.closed} requests lost their connection without a fault`);
  const warm = figures(ringmaster);

  const faults = new SoakFaults(random, places, servers, ringmaster, tally);
  const hostiles = new SoakHostiles(new SeededRandom(random.between(0, 2 ** 31)), places);
  const befalling = Promise.all([faults.run(), hostiles.run()]);
  for (let left = options.faultsMs; left > 0; left -= 5000) {
    await delay(Math.min(left, 5000));
    say(
      `${tally.sent} requests, ${tally.outcomes.failed} failed, ${tally.outcomes.closed} closed, ${tally.outcomes.wrong} wrong`,
    );
  }
  faults.stop();
  hostiles.stop();
  await befalling;
  for (const client of clients) client.stop();
  await Promise.all(running);
  await waitFor(isReady, { what: 'Ringmaster to be ready again', timeoutMs: CALM_TIMEOUT_MS });
  await readAll(clients, tally);

  const gauges = [
    'ringmaster_pool_client_connections',
    'ringmaster_server_queued_requests',
    'ringmaster_server_inflight_requests',
  ];
  await waitFor(
    async () => (await Promise.all(gauges.map(name => metricOf(places.adminPort, name)))).every(n => n === 0),
    {
      what: 'no client and no request to be left in the figures',
      timeoutMs: CALM_TIMEOUT_MS,
      everyMs: 200,
    },
  ).catch(error => tally.problem(error.message));
  const after = figures(ringmaster);
  checkFigures(before, warm, after, options, tally);
  if (tally.unaccounted !== 0) tally.problem(`${tally.unaccounted} requests are not accounted for`);
  checkLog(ringmaster, tally);
  await ringmaster.stop().catch(error => tally.problem(`it does not stop: ${error.message.slice(0, 500)}`));
  return {
    tally,
    faults: faults.counts,
    seconds: (performance.now() - startedAtMs) / 1000,
    master: [before.master, warm.master, after.master],
    worker: [before.worker, warm.worker, after.worker],
    problems: tally.problems,
  };
}

/** All workers serve, and all pools are ready whose servers mean no harm. */
async function isReadyBesidesHostile(adminPort: number): Promise<boolean> {
  type Readiness = { workers: { state: string }[]; pools: { name: string; ready: boolean }[] };
  const { workers, pools } = (await askAdmin(adminPort, '/readyz')).json<Readiness>();
  return (
    workers.every(({ state }) => state === 'serving') &&
    pools.every(({ name, ready }) => ready || name.startsWith(HOSTILE_PREFIX))
  );
}

function poolsOf(places: SoakPlaces, [redis, memcached]: readonly [SoakServers, SoakServers]): SoakPool[] {
  const pool = (name: SoakPoolName, dialect: Dialect, isPinned: boolean): SoakPool => {
    const { history } = dialect.protocol === 'redis' ? redis : memcached;
    return { name, dialect, port: places.pools[name], history, isPinned };
  };
  return [
    pool('redis', REDIS_DIALECT, true),
    pool('memcached', MEMCACHED_DIALECT, true),
    pool('redis_loose', REDIS_DIALECT, false),
    pool('memcached_loose', MEMCACHED_DIALECT, false),
  ];
}

/**
 * Every key, in rounds, until there were no errors for as long as a connection may wait before it tries again; then
 * once more, and that must be without one. Clients come to another worker in each round: one good round says little.
 */
async function readAll(clients: readonly SoakClient[], tally: SoakTally): Promise<void> {
  const { outcomes, errors } = tally;
  const troubles = () => outcomes.failed + outcomes.closed;
  const round = () => Promise.all(clients.map(client => client.readAll()));
  let wellSinceMs = performance.now();
  const isWell = async () => {
    const before = troubles();
    await round();
    if (troubles() !== before) wellSinceMs = performance.now();
    return performance.now() - wellSinceMs > LONGEST_BACK_OFF_MS;
  };
  await waitFor(isWell, { what: 'rounds of reads without errors', timeoutMs: CALM_TIMEOUT_MS, everyMs: 50 }).catch(
    error => tally.problem(error.message),
  );
  const [before, errorsBefore] = [troubles(), new Map(errors)];
  await round();
  if (troubles() === before) return;
  const texts = [...errors].filter(([text, count]) => count !== errorsBefore.get(text)).map(([text]) => text);
  tally.problem(`there are errors although all servers are well again: ${texts.join('; ') || 'connections closed'}`);
}

interface Figures {
  readonly master: ProcessFigures;
  readonly worker: ProcessFigures;
  readonly workers: number;
}

function figures(ringmaster: Ringmaster): Figures {
  const workers = ringmaster.workerPids().map(figuresOf);
  const most = (of: (each: ProcessFigures) => number) => Math.max(...workers.map(of));
  return {
    master: figuresOf(ringmaster.pid),
    worker: { residentBytes: most(each => each.residentBytes), descriptors: most(each => each.descriptors) },
    workers: workers.length,
  };
}

function figuresOf(pid: number): ProcessFigures {
  return { residentBytes: residentMemory(pid).nowBytes, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

function checkFigures(before: Figures, warm: Figures, after: Figures, options: SoakOptions, tally: SoakTally): void {
  if (after.workers !== options.workers) tally.problem(`there are ${after.workers} workers, not ${options.workers}`);
  for (const process of ['master', 'worker'] as const) {
    const descriptors = after[process].descriptors - before[process].descriptors;
    if (descriptors > DESCRIPTOR_SLACK) tally.problem(`the ${process} has ${descriptors} descriptors more than before`);
    const bytes = after[process].residentBytes - warm[process].residentBytes;
    if (bytes > MEMORY_SLACK_BYTES) tally.problem(`the ${process} has ${bytes >> 20} MiB more than after the warm-up`);
  }
}

/** Lines that no fault of a server explains, and that are not about servers that mean harm. */
function checkLog(ringmaster: Ringmaster, tally: SoakTally): void {
  const lines = ringmaster.stderr().split('\n');
  const isBad = (line: string) =>
    /disagree|uncaught|unhandled/i.test(line) ||
    (/not its protocol|unasked/i.test(line) && !line.includes(`"${HOSTILE_PREFIX}`));
  const bad = lines.filter(isBad);
  if (bad.length > 0) tally.problem(`the log has ${bad.length} lines such as ${bad[0]!.slice(0, 400)}`);
}
