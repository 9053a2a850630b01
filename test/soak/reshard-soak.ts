// Clients hammer shared keys through two Ringmasters while the ring behind them changes again and again, and things die.
// Then every server is read directly. What all clients saw and what is left has to be what one register a key gives:
// linearizable for Redis; for memcached, which may miss, never an old value. Each key is on one server, the one that is asked.
import { setTimeout as delay } from 'node:timers/promises';
import { drawBinaryRequest } from '../support/history/binary-requests.ts';
import { HistoryClient } from '../support/history/history-client.ts';
import { drawMemcachedRequest } from '../support/history/memcached-requests.ts';
import { HistoryRecorder } from '../support/history/recorder.ts';
import { drawRedisRequest } from '../support/history/redis-requests.ts';
import { ScanClient } from '../support/history/scan-client.ts';
import { TopicClient } from '../support/history/topic-client.ts';
import { RawClient } from '../support/raw-client.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FleetProtocol, type FleetRing, ReshardFleet, ringText, serversOf } from './reshard-fleet.ts';
import { keysOf } from './reshard-keys.ts';

export interface ReshardSoakOptions {
  readonly seed: number;
  readonly protocol: FleetProtocol;
  /** One after the other. */
  readonly rings: readonly FleetRing[];
  readonly clients: number;
  readonly registers: number;
  /** Answered requests before and after each change. */
  readonly operationsBetween: number;
  /** Makes this the ring of a fleet; resolves when that is done. */
  readonly change: (fleet: ReshardFleet, ring: FleetRing) => Promise<void>;
  /** What goes wrong meanwhile: called at random times until the change is done. */
  readonly fault?: (fleet: ReshardFleet, random: SeededRandom) => Promise<void>;
  /** The longest between two of them. */
  readonly faultPauseMs?: number;
  /** Called when the last change is done, before the servers are read: for planted bugs. */
  readonly tamper?: (fleet: ReshardFleet, recorder: HistoryRecorder) => Promise<void>;
  readonly settings?: readonly string[];
  readonly say?: (line: string) => void;
}

export interface ReshardSoakReport {
  readonly operations: number;
  readonly errors: ReadonlyMap<string, number>;
  readonly keys: number;
  /** Empty: all adds up. */
  readonly problems: readonly string[];
}

const OPERATIONS_TIMEOUT_MS = 120_000;
const LONGEST_PAUSE_MS = 2000;
const DEEP = 8;

/** Whoever works on the keys until it is stopped. */
interface Hammer {
  readonly problems: string[];
  run(): Promise<void>;
  stop(): void;
}

export async function runReshardSoak(options: ReshardSoakOptions): Promise<ReshardSoakReport> {
  const { protocol, rings, settings } = options;
  const servers = Math.max(...rings.map(serversOf));
  const fleet = await ReshardFleet.start({ protocol, servers, ring: rings[0]!, ...(settings && { settings }) });
  try {
    return await soak(fleet, options);
  } finally {
    await fleet.kill();
  }
}

async function soak(fleet: ReshardFleet, options: ReshardSoakOptions): Promise<ReshardSoakReport> {
  const { say = () => {} } = options;
  const random = new SeededRandom(options.seed);
  const recorder = new HistoryRecorder();
  const clients = clientsOf(fleet, options, random, recorder);
  const working = Promise.all(clients.map(client => client.run()));
  const more = async () => {
    const goal = recorder.operations + options.operationsBetween;
    const what = `${goal} answers`;
    await waitFor(() => recorder.operations >= goal, { what, timeoutMs: OPERATIONS_TIMEOUT_MS, everyMs: 20 });
  };
  try {
    await more();
    for (const ring of options.rings.slice(1)) {
      say(`to ${ringText(ring)}, after ${recorder.operations} operations`);
      await withFaults(options.change(fleet, ring), fleet, options, random);
      await more();
    }
  } finally {
    for (const client of clients) client.stop();
    await working;
  }
  await options.tamper?.(fleet, recorder);
  say(`${recorder.operations} operations; now every server is read`);
  const keys = await keysOf(fleet);
  const problems = [
    ...clients.flatMap(client => client.problems),
    ...recorder.problems(keys, fleet.protocol === 'memcached'),
    ...(await unreachable(fleet, [...keys.found.keys()])),
  ];
  return { operations: recorder.operations, errors: recorder.errors, keys: keys.found.size, problems };
}

function clientsOf(
  fleet: ReshardFleet,
  { protocol, clients, registers }: ReshardSoakOptions,
  random: SeededRandom,
  recorder: HistoryRecorder,
): Hammer[] {
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}:${i}`);
  const keys = {
    registers: names('register', registers),
    counters: names('counter', Math.ceil(registers / 4)),
    sets: names('set', Math.ceil(registers / 4)),
    queues: names('queue', Math.ceil(registers / 8)),
  };
  const drawText = protocol === 'redis' ? drawRedisRequest(keys) : drawMemcachedRequest(keys);
  const drawBinary = protocol === 'redis' ? drawText : drawBinaryRequest(keys);
  const ports = fleet.proxies.map(({ port }) => port);
  const own = () => new SeededRandom(random.between(0, 2 ** 31));
  const others: Hammer[] =
    protocol === 'redis'
      ? [
          new ScanClient({ name: 'scanner', ports, random: own(), recorder, restarts: () => fleet.restarts }),
          new TopicClient({ name: 'topics', ports, random: own(), recorder }),
        ]
      : [];
  const hammers = Array.from(
    { length: clients },
    (_, i) =>
      new HistoryClient({
        name: `client ${i}`,
        ports,
        draw: i % 3 === 1 ? drawBinary : drawText,
        random: own(),
        recorder,
        depth: i % 3 === 2 ? DEEP : 1,
      }),
  );
  return [...hammers, ...others];
}

/** Until the change is done, something goes wrong now and then. Rejects when either does. */
async function withFaults(
  change: Promise<void>,
  fleet: ReshardFleet,
  { fault, faultPauseMs = LONGEST_PAUSE_MS }: ReshardSoakOptions,
  random: SeededRandom,
): Promise<void> {
  let isDone = false;
  const done = change.finally(() => {
    isDone = true;
  });
  const faults = (async () => {
    while (fault !== undefined && !isDone) {
      await delay(random.between(0, faultPauseMs));
      if (!isDone) await fault(fleet, random);
    }
  })();
  await Promise.all([done, faults]);
}

/** Keys that are there and that a proxy doesn't find: they are on a server that is not asked for them. */
async function unreachable(fleet: ReshardFleet, keys: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { port } of fleet.proxies) {
    const client = await RawClient.connect(port);
    for (const key of keys) {
      if (fleet.protocol === 'redis') {
        if ((await client.command('EXISTS', key)) !== 1) problems.push(`${key} is not where it is looked for`);
        continue;
      }
      client.send(`mg ${key}\r\n`);
      if ((await client.readLine()).toString() !== 'HD\r\n') problems.push(`${key} is not where it is looked for`);
    }
    client.destroy();
  }
  return problems.slice(0, 5);
}
