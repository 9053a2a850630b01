import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../../test/support/child.ts';
import {
  type Contender,
  type ContenderPlan,
  type Launch,
  type Stage,
  serverPorts,
  startContender,
} from './contenders.ts';
import { type DataSet, fill, KB_10, verify } from './data-set.ts';
import { type BackgroundJob, READY } from './generator-job.ts';
import { GENERATOR_FLAGS, runLoad } from './load-run.ts';
import { type ClientMemory, type ContenderResult, type Measurement, medianOf, ratiosOf } from './measurement.ts';
import { costBetween, openFilesLimit, residentBytes, usageOf } from './process-cost.ts';
import type { Background, Scenario } from './scenarios.ts';
import type { Terminator } from './terminators.ts';

/** How long and how often. */
export interface Extent {
  readonly rounds: number;
  readonly seconds: number;
  /** At least so long is each contender loaded before the rounds. */
  readonly warmUpSeconds: number;
  /** Upper bound on clients in the background. */
  readonly maxBackgroundClients: number;
}

export interface Lineup extends Extent {
  /** A second nutcracker beside the first. */
  readonly hasYardstick: boolean;
  /** Another Ringmaster's main file, to be compared with ours. */
  readonly against: string | null;
  /** Ours once more, started in another way. */
  readonly variant: Variant | null;
  /** The servers themselves beside the proxies. */
  readonly hasDirect: boolean;
}

const BACKGROUND = fileURLToPath(new URL('./background-clients.ts', import.meta.url));
const BACKGROUND_TIMEOUT_MS = 180_000;
/** Descriptors that a process needs besides its background clients' sockets. */
const SPARE_DESCRIPTORS = 1000;
/** No round may take longer than ten times its length and this. */
const ROUND_GRACE_MS = 60_000;
const CALIBRATIONS_MAX = 8;
/** A pace that held for so long is believed. */
const CALIBRATION_SECONDS = 1;
/** A proxy keeps up with a fixed rate when, over so long, half of the requests are answered within this. */
const KEEPING_UP_SECONDS = 3;
const KEEPING_UP_P50_MS = 1;
/** Rates that are tried, as shares of the pace in a closed loop; the last one is taken whatever comes of it. */
const RATE_SHARES: readonly number[] = [1, 0.9, 0.8, 0.7, 0.6, 0.5];
/** Let a proxy that was just loaded come to rest before the next has its turn. */
const PAUSE_MS = 20;

/** Another way to start Ringmaster, and what the reports call it. */
export interface Variant {
  readonly name: string;
  readonly launch: Launch;
}

/** twemproxy's binary. */
const NUTCRACKER: ContenderPlan = {
  name: 'nutcracker',
  proxy: 'nutcracker',
  terminator: null,
  workers: 1,
  entry: null,
  launch: { args: [], env: {} },
  hasBackground: false,
};
/** This Ringmaster, with one worker. */
export const OURS: ContenderPlan = { ...NUTCRACKER, name: 'ringmaster', proxy: 'ringmaster' };

/** Hears when a measured load begins and when it has ended. */
export interface RoundWatcher {
  begin(contender: Contender): void;
  end(contender: Contender): void;
}

/** Measures the contenders of a scenario in turns. `say` gets a line of progress now and then. */
export function runScenario(
  scenario: Scenario,
  stage: Stage,
  filled: Set<DataSet>,
  lineup: Lineup,
  say: (line: string) => void,
): Promise<ContenderResult[]> {
  return runPlans(scenario, contenderPlans(scenario, lineup), stage, filled, lineup, say);
}

/** The same with contenders of the caller's choice; the first sets the pace. They have ended when this resolves. */
export async function runPlans(
  scenario: Scenario,
  plans: readonly ContenderPlan[],
  stage: Stage,
  filled: Set<DataSet>,
  wanted: Extent,
  say: (line: string) => void,
  watcher: RoundWatcher | null = null,
): Promise<ContenderResult[]> {
  const contenders: Contender[] = [];
  const extent = {
    warmUpSeconds: wanted.warmUpSeconds,
    maxBackgroundClients: wanted.maxBackgroundClients,
    seconds: scenario.seconds === null ? wanted.seconds : Math.min(scenario.seconds, wanted.seconds * 20),
    rounds: Math.min(wanted.rounds, scenario.maxRounds),
  };
  try {
    for (const plan of plans) contenders.push(await startContender(plan, scenario.fleet, stage));
    await prepareData(scenario, contenders, stage, filled);
    return await new ScenarioRun(scenario, contenders, extent, say, watcher).run();
  } finally {
    await Promise.all(contenders.map(contender => contender.stop()));
  }
}

/** The first is what the others are compared with. */
function contenderPlans(scenario: Scenario, { hasYardstick, hasDirect, against, variant }: Lineup): ContenderPlan[] {
  const hasBackground = scenario.background !== null;
  const { isTls = false } = scenario.fleet;
  const behind = (terminator: Terminator, name: string) => ({ ...NUTCRACKER, name, terminator, hasBackground });
  const base = isTls ? behind('haproxy', 'haproxy, nutcracker') : { ...NUTCRACKER, hasBackground };
  const ours = { ...OURS, hasBackground };
  const plans: ContenderPlan[] = [base];
  if (isTls) plans.push(behind('stunnel', 'stunnel, nutcracker'));
  for (const workers of scenario.workers) {
    plans.push({ ...ours, workers, name: workers === 1 ? ours.name : `ringmaster, ${workers} workers` });
  }
  if (hasYardstick) plans.push({ ...base, name: `${base.name} again` });
  if (against !== null) plans.push({ ...ours, name: 'other ringmaster', entry: against });
  if (variant !== null) plans.push({ ...ours, ...variant });
  if (hasDirect && !isTls) plans.push({ ...NUTCRACKER, name: 'no proxy', proxy: 'none' });
  if (scenario.background !== null) {
    const { kind } = scenario.background;
    plans.push({ ...base, name: `nutcracker, no ${kind} clients`, hasBackground: false });
    plans.push({ ...ours, name: `ringmaster, no ${kind} clients`, hasBackground: false });
  }
  return plans;
}

/** Every key goes to every server, so that no pool misses one, however it spreads them. */
async function prepareData(
  scenario: Scenario,
  contenders: readonly Contender[],
  stage: Stage,
  filled: Set<DataSet>,
): Promise<void> {
  const sets = scenario.background?.kind === 'slow' ? [scenario.load.data, KB_10] : [scenario.load.data];
  for (const set of sets) {
    if (!filled.has(set)) for (const port of serverPorts(stage, set)) await fill(port, set);
    filled.add(set);
    const ofCluster = contenders.find(({ plan }) => scenario.fleet.isCluster && plan.proxy === 'ringmaster');
    if (ofCluster !== undefined && set.protocol === 'redis') await fill(ofCluster.portsFor(set)[0] as number, set);
    for (const contender of contenders) {
      for (const port of contender.portsFor(set)) {
        await verify(port, set, contender.ca).catch((error: Error) => {
          throw new Error(`${contender.plan.name}: ${error.message}`);
        });
      }
    }
  }
}

class ScenarioRun {
  private readonly scenario: Scenario;
  private readonly contenders: readonly Contender[];
  private readonly extent: Extent;
  private readonly say: (line: string) => void;
  private readonly watcher: RoundWatcher | null;
  private readonly background = new Map<Contender, Child>();
  private readonly timeoutMs: number;
  private requests = 0;
  private ratePerSecond: number | null = null;

  constructor(
    scenario: Scenario,
    contenders: readonly Contender[],
    extent: Extent,
    say: (line: string) => void,
    watcher: RoundWatcher | null,
  ) {
    this.scenario = scenario;
    this.contenders = contenders;
    this.extent = extent;
    this.say = say;
    this.watcher = watcher;
    this.timeoutMs = extent.seconds * 10_000 + ROUND_GRACE_MS;
  }

  async run(): Promise<ContenderResult[]> {
    const { contenders, scenario } = this;
    const rounds = contenders.map((): Measurement[] => []);
    try {
      await this.calibrate();
      for (const contender of contenders) await this.warmUp(contender);
      const before = contenders.map(contender => residentBytes(contender.pids()));
      const clients = await this.addBackground();
      for (let round = 0; round < this.extent.rounds; round++) {
        // A B, B A, …: whoever goes second would have the other's warm caches each time.
        const order = contenders.map((_, i) => (round % 2 === 0 ? i : contenders.length - 1 - i));
        for (const i of order) rounds[i]!.push(await this.measure(contenders[i]!));
        this.say(`${scenario.name}: round ${round + 1} of ${this.extent.rounds}`);
      }
      return contenders.map((contender, i) => ({
        name: contender.plan.name,
        rounds: rounds[i]!,
        median: medianOf(rounds[i]!),
        ratios: i === 0 ? null : ratiosOf(rounds[i]!, rounds[0]!),
        clientMemory: scenario.background?.kind === 'idle' ? clientMemory(contender, before[i]!, clients) : null,
      }));
    } finally {
      for (const child of this.background.values()) await child.kill();
    }
  }

  /** Finds how many requests make a round, the same for all, by the pace of the first contender. */
  private async calibrate(): Promise<void> {
    const { load } = this.scenario;
    const wanted = this.extent.seconds;
    const base = this.contenders[0]!;
    const perTurn = load.clients * (load.tool === 'redis-benchmark' ? load.pipeline : 1);
    let requests = perTurn * 4;
    for (let attempt = 0; attempt < CALIBRATIONS_MAX; attempt++) {
      const { requestsPerSecond } = await this.load(base, requests);
      const seconds = requests / requestsPerSecond;
      const isLongEnough = seconds >= Math.min(CALIBRATION_SECONDS, wanted / 2);
      requests = Math.max(perTurn * 2, Math.ceil(requestsPerSecond * wanted));
      if (isLongEnough) {
        if (load.tool === 'generator' && load.loadShare !== null) {
          this.ratePerSecond = (await this.fastestRate(requestsPerSecond)) * load.loadShare;
          requests = Math.ceil(this.ratePerSecond * wanted);
        }
        break;
      }
      // The start of a run is slow and says little of its pace: not more than the eightfold at once.
      requests = Math.min(requests, Math.ceil((requestsPerSecond * seconds + perTurn) * 8));
    }
    this.requests = requests;
  }

  /**
   * The fastest rate that the first contender keeps up with, per second. Below the pace in a closed loop, where clients who
   * wait make batches of their own accord.
   */
  private async fastestRate(pace: number): Promise<number> {
    const seconds = Math.min(KEEPING_UP_SECONDS, this.extent.seconds / 2);
    let rate = pace;
    for (const share of RATE_SHARES) {
      rate = pace * share;
      this.ratePerSecond = rate;
      const { p50Ms } = await this.load(this.contenders[0]!, Math.ceil(rate * seconds));
      if (p50Ms <= KEEPING_UP_P50_MS) break;
    }
    return rate;
  }

  /** As long as it takes V8 to have compiled what it will; nutcracker, too, so that all come to the first round alike. */
  private async warmUp(contender: Contender): Promise<void> {
    const startedAtMs = performance.now();
    do await this.load(contender, this.requests);
    while (performance.now() - startedAtMs < this.extent.warmUpSeconds * 1000);
  }

  private async load(contender: Contender, requests: number) {
    const { load } = this.scenario;
    try {
      const target = { ports: contender.portsFor(load.data), ca: contender.ca };
      return await runLoad(load, target, requests, this.ratePerSecond, this.timeoutMs);
    } catch (error) {
      throw new Error(`${contender.plan.name}: ${(error as Error).message}`);
    }
  }

  private async measure(contender: Contender): Promise<Measurement> {
    await delay(PAUSE_MS);
    const workers = contender.workerPids();
    const others = contender.pids().filter(pid => !workers.includes(pid));
    const before = [usageOf(workers), usageOf(others)] as const;
    this.watcher?.begin(contender);
    const result = await this.load(contender, this.requests);
    this.watcher?.end(contender);
    const workersCost = costBetween(before[0], usageOf(workers));
    const othersCost = costBetween(before[1], usageOf(others));
    this.checkBackground(contender);
    const { requests } = this;
    const cpuUs = workersCost.cpuUs + othersCost.cpuUs;
    return {
      requests,
      ...result,
      cpuUs: cpuUs / requests,
      userUs: (workersCost.userUs + othersCost.userUs) / requests,
      systemUs: (workersCost.systemUs + othersCost.systemUs) / requests,
      workersCpuUs: workersCost.cpuUs / requests,
      residentBytes: residentBytes(contender.pids()),
      proxyCores: (cpuUs * result.requestsPerSecond) / requests / 1e6,
    };
  }

  /** Starts the background clients of those that have some; how many each has. */
  private async addBackground(): Promise<number> {
    const { background } = this.scenario;
    if (background === null) return 0;
    const clients = this.backgroundClients(background);
    for (const contender of this.contenders) {
      if (!contender.plan.hasBackground) continue;
      const data = background.kind === 'slow' ? KB_10 : this.scenario.load.data;
      const job: BackgroundJob = { kind: background.kind, port: contender.portsFor(data)[0]!, clients, data };
      const child = new Child(process.execPath, [...GENERATOR_FLAGS, BACKGROUND, JSON.stringify(job)]);
      this.background.set(contender, child);
      await child.until(
        () => child.stdout().includes(READY),
        `${clients} ${background.kind} clients`,
        BACKGROUND_TIMEOUT_MS,
      );
      this.checkBackground(contender);
    }
    return clients;
  }

  private backgroundClients({ kind, clients }: Background): number {
    const limits = [process.pid, ...this.contenders.flatMap(contender => contender.workerPids())].map(openFilesLimit);
    const possible = Math.min(...limits) - SPARE_DESCRIPTORS;
    const chosen = Math.max(1, Math.min(clients, this.extent.maxBackgroundClients, possible));
    if (chosen < clients) {
      const why = chosen === possible ? 'processes may not open more files here (ulimit -n)' : 'as asked for';
      this.say(`${this.scenario.name}: ${chosen} ${kind} clients instead of ${clients}: ${why}`);
    }
    return chosen;
  }

  private checkBackground(contender: Contender): void {
    const child = this.background.get(contender);
    if (child === undefined || child.exited === null) return;
    throw new Error(`${contender.plan.name} lost its background clients\n${child.diagnosis()}`);
  }
}

/** Both readings come after the same load, so that what a collector left lying about is in both. */
function clientMemory(contender: Contender, residentBytesWithout: number, clients: number): ClientMemory | null {
  if (!contender.plan.hasBackground) return null;
  const residentBytesWith = residentBytes(contender.pids());
  const bytesPerClient = (residentBytesWith - residentBytesWithout) / clients;
  return { clients, residentBytesWithout, residentBytesWith, bytesPerClient };
}
