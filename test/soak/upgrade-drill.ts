// One upgrade after the other, under short connections and clients that stay: none refused, none reset, no request failed, none done
// twice; and what the last Ringmaster has of descriptors, listening sockets and memory is what the first successor had.
//
//   start ─▶ upgrade ─▶ rest: descriptors, … ─▶ (upgrade, the old one ends) × N ─▶ rest: the same once more
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { askAdmin, metricOf } from '../support/admin-client.ts';
import { childPids, isAlive, killAtExit, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { residentMemory } from '../support/process-memory.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';
import { CountingClient } from './counting-client.ts';
import { ASKED_KEY, ASKED_VALUE, ShortConnections } from './short-connections.ts';

export interface DrillOptions {
  readonly upgrades: number;
  /** Short connections. */
  readonly perSecond: number;
  /** Clients that stay. */
  readonly staying: number;
  readonly workers: number;
  readonly say?: (line: string) => void;
}

/** Of one master with its workers while nobody is connected. */
export interface AtRest {
  /** What the descriptors of the master, and of the worker that has most, stand for, without numbers of their own. */
  readonly master: readonly string[];
  readonly worker: readonly string[];
  readonly residentBytes: { readonly master: number; readonly worker: number };
  readonly listening: number;
}

export interface DrillReport {
  readonly seconds: number;
  readonly shortConnections: number;
  /** Of clients that stay. */
  readonly requests: number;
  readonly letGo: number;
  readonly crossed: number;
  /** How long each upgrade took, and how long after it the old master ended. */
  readonly tookMs: readonly number[];
  readonly endedMs: readonly number[];
  readonly first: AtRest;
  readonly last: AtRest;
  /** Empty: all is well. */
  readonly problems: readonly string[];
}

/** Clients that stay ask up to so long after each answer. */
const ASK_EVERY_MS = 200;
/** What resident memory may differ by from one process to the next: the heap's young generation is where it happens to be. */
const MEMORY_SLACK_BYTES = 64 << 20;
const END_WITHIN_MS = 30_000;

/** Starts a server and a Ringmaster of its own. */
export async function runUpgradeDrill(options: DrillOptions): Promise<DrillReport> {
  const redis = await startRedis();
  const [adminPort, statsPort, port] = (await freePorts(3)) as [number, number, number];
  const unix = path.join(temporaryDirectory('upgrades'), 'pool.sock');
  const servers = `["127.0.0.1:${redis.port}:1 a"]`;
  const config = `admin: 127.0.0.1:${adminPort}
pools:
  tcp: { listen: "0.0.0.0:${port}", protocol: redis, preconnect: true, servers: ${servers} }
  unix: { listen: ${unix}, protocol: redis, preconnect: true, servers: ${servers} }
`;
  const { workers } = options;
  const args = ['-a', '127.0.0.1', '-s', String(statsPort)];
  const daemon = await startRingmaster({ config, workers, args });
  const drill = new UpgradeDrill(options, { adminPort, ports: [adminPort, statsPort, port], port, unix }, daemon.pid);
  try {
    const filler = await RawClient.connect(port);
    await filler.command('SET', ASKED_KEY, ASKED_VALUE);
    filler.destroy();
    const report = await drill.run();
    process.kill(drill.pid, 'SIGTERM');
    await waitFor(() => drill.alive().length === 0, { what: 'the end', timeoutMs: END_WITHIN_MS });
    return report;
  } finally {
    for (const pid of drill.alive()) process.kill(pid, 'SIGKILL');
    await daemon.kill();
    await redis.kill();
  }
}

interface DrillPlaces {
  readonly adminPort: number;
  readonly port: number;
  readonly unix: string;
  /** All TCP ports. */
  readonly ports: readonly number[];
}

class UpgradeDrill {
  /** The master's. */
  pid: number;
  private readonly options: DrillOptions;
  private readonly places: DrillPlaces;
  private readonly seen = new Set<number>();
  private readonly problems: string[] = [];
  private short: ShortConnections;
  private staying: CountingClient[] = [];
  private running: Promise<unknown> = Promise.resolve();

  constructor(options: DrillOptions, places: DrillPlaces, pid: number) {
    this.options = options;
    this.places = places;
    this.pid = pid;
    this.see();
    this.short = new ShortConnections(places.port, places.unix, options.perSecond);
    this.staying = Array.from(
      { length: options.staying },
      (_, i) => new CountingClient(places.port, i, ASK_EVERY_MS, what => this.problems.push(what)),
    );
  }

  /** Processes of all masters so far that are there. */
  alive(): number[] {
    return [...this.seen].filter(isAlive);
  }

  async run(): Promise<DrillReport> {
    const { upgrades, say = () => {} } = this.options;
    const inode = statSync(this.places.unix).ino;
    const tookMs: number[] = [];
    const endedMs: number[] = [];
    await this.upgrade(tookMs, endedMs);
    const first = await this.atRest();
    const startedAtMs = performance.now();
    this.load();
    for (let n = 0; n < upgrades; n++) {
      await this.allServed(n);
      const isDone = await this.upgrade(tookMs, endedMs);
      say(
        `upgrade ${n + 1}: ${isDone ? `${tookMs.at(-1)} ms, the old one was gone after ${endedMs.at(-1)} ms` : 'refused'}`,
      );
    }
    await this.allServed(upgrades);
    const seconds = (performance.now() - startedAtMs) / 1000;
    for (const client of this.staying) client.stop();
    await Promise.all([this.short.stop(), this.running]);
    const last = await this.atRest(first);
    this.compare(first, last);
    if (statSync(this.places.unix).ino !== inode) this.problems.push('the unix socket is another one');
    for (const [failure, count] of this.short.failures) this.problems.push(`${count} short connections: ${failure}`);
    const sum = (of: (each: CountingClient) => number) => this.staying.reduce((n, each) => n + of(each), 0);
    return {
      ...{ seconds, tookMs, endedMs, first, last, problems: this.problems },
      shortConnections: this.short.answered,
      requests: sum(each => each.answered),
      letGo: sum(each => each.letGo),
      crossed: sum(each => each.crossed),
    };
  }

  private load(): void {
    this.short.start();
    this.running = Promise.all(this.staying.map(client => client.run()));
  }

  /** Who is between two connections while an upgrade happens is not let go by it: each upgrade is to meet all that stay. */
  private async allServed(upgrades: number): Promise<void> {
    const isServed = () => this.staying.every(client => client.letGo >= upgrades && client.isServed);
    const what = `all that stay to be served after ${upgrades} upgrades`;
    await waitFor(isServed, { what, timeoutMs: END_WITHIN_MS }).catch(() => this.problems.push(`not ${what}`));
  }

  /** False when it was refused. Returns once nothing of the old one is left. */
  private async upgrade(tookMs: number[], endedMs: number[]): Promise<boolean> {
    const old = [this.pid, ...childPids(this.pid)];
    const answer = await askAdmin(this.places.adminPort, '/api/v1/upgrade', { method: 'POST', body: {} });
    const upgradedAtMs = performance.now();
    if (answer.status !== 200) {
      this.problems.push(`not upgraded: ${answer.text}`);
      return false;
    }
    const { pid, tookMs: took } = answer.json<{ pid: number; tookMs: number }>();
    this.pid = pid;
    killAtExit(pid);
    this.see();
    tookMs.push(took);
    // The new master is a child of the old one's, and goes on.
    const leaving = old.filter(each => each !== pid);
    await waitFor(() => !leaving.some(isAlive), { what: 'the end of the old one', timeoutMs: END_WITHIN_MS }).catch(
      () => this.problems.push(`left over: ${leaving.filter(isAlive).join(', ')}`),
    );
    endedMs.push(Math.round(performance.now() - upgradedAtMs));
    return true;
  }

  private see(): void {
    for (const pid of [this.pid, ...childPids(this.pid)]) this.seen.add(pid);
  }

  /** Once no client is there any more; where it should be as it was, once it is. */
  private async atRest(asIn: AtRest | null = null): Promise<AtRest> {
    const noClients = async () => (await metricOf(this.places.adminPort, 'ringmaster_pool_client_connections')) === 0;
    await waitFor(noClients, { what: 'no client to be left', timeoutMs: END_WITHIN_MS, everyMs: 100 });
    let found = this.figures();
    const isSame = () => {
      found = this.figures();
      return asIn === null || differences(asIn, found).length === 0;
    };
    await waitFor(isSame, { what: 'the same descriptors', timeoutMs: END_WITHIN_MS, everyMs: 100 }).catch(() => {});
    return found;
  }

  private figures(): AtRest {
    const workers = childPids(this.pid);
    const descriptors = workers.map(descriptorsOf);
    return {
      master: descriptorsOf(this.pid),
      worker: descriptors.reduce((most, each) => (each.length > most.length ? each : most), []),
      residentBytes: {
        master: residentMemory(this.pid).nowBytes,
        worker: Math.max(...workers.map(pid => residentMemory(pid).nowBytes)),
      },
      listening: this.places.ports.reduce((sum, port) => sum + listeningAt(port), 0),
    };
  }

  private compare(first: AtRest, last: AtRest): void {
    this.problems.push(...differences(first, last));
    for (const process of ['master', 'worker'] as const) {
      const bytes = last.residentBytes[process] - first.residentBytes[process];
      if (bytes > MEMORY_SLACK_BYTES) this.problems.push(`the ${process} has ${bytes >> 20} MiB more than the first`);
    }
    const here = new Set([this.pid, ...childPids(this.pid)]);
    const others = this.alive().filter(pid => !here.has(pid));
    if (others.length > 0) this.problems.push(`processes are left over: ${others.join(', ')}`);
    if (here.size !== 1 + this.options.workers) this.problems.push(`there are ${here.size} processes`);
  }
}

function differences(first: AtRest, last: AtRest): string[] {
  const found: string[] = [];
  for (const process of ['master', 'worker'] as const) {
    const [before, after] = [first[process].join(' '), last[process].join(' ')];
    if (before !== after) found.push(`descriptors of the ${process}: ${before} at first, ${after} at last`);
  }
  if (first.listening !== last.listening)
    found.push(`${first.listening} sockets listened at first, ${last.listening} at last`);
  return found;
}

/** Kinds, such as `socket` and `anon_inode:[eventpoll]`, with how many there are of each. */
function descriptorsOf(pid: number): string[] {
  const kinds = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      // Closed since.
      continue;
    }
    const kind = target.replace(/:\[\d+\]$/, '');
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].map(([kind, count]) => `${count}×${kind}`).sort();
}

/** How many IPv4 sockets listen at a port: one for each worker, where the port is a pool's. */
function listeningAt(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[1]?.endsWith(local) && fields[3] === '0A').length;
}
