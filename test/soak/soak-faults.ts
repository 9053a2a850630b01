// What goes wrong during a soak, drawn by chance: two loops, one for the servers, one for Ringmaster itself.
import { setTimeout as delay } from 'node:timers/promises';
import { postAdmin } from '../support/admin-client.ts';
import type { Ringmaster } from '../support/ringmaster.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type ConfigVariant, type SoakPlaces, soakConfig, USUAL_VARIANT } from './soak-config.ts';
import type { SoakServers } from './soak-servers.ts';
import type { SoakTally } from './soak-tally.ts';

export type Fault =
  | 'server killed'
  | 'server frozen'
  | 'worker killed'
  | 'worker paused'
  | 'standard error not read'
  | 'worker told to end'
  | 'workers replaced'
  | 'reload'
  | 'reload by HUP'
  | 'bad reload';

/** A worker's slot that loses young ones backs off, so they are left in peace for a while. */
const WORKER_PEACE_MS = 2500;

export class SoakFaults {
  readonly counts = new Map<Fault, number>();
  private readonly random: SeededRandom;
  private readonly places: SoakPlaces;
  private readonly servers: readonly SoakServers[];
  private readonly ringmaster: Ringmaster;
  private readonly tally: SoakTally;
  private readonly stopped = new AbortController();
  private workersAreSafeUntilMs = 0;

  constructor(
    random: SeededRandom,
    places: SoakPlaces,
    servers: readonly SoakServers[],
    ringmaster: Ringmaster,
    tally: SoakTally,
  ) {
    this.random = random;
    this.places = places;
    this.servers = servers;
    this.ringmaster = ringmaster;
    this.tally = tally;
  }

  /** Ends after `stop`, with every server running again and the usual configuration in force. */
  async run(): Promise<void> {
    const { random } = this;
    await Promise.all([
      this.repeat(250, 1200, () => this.befallServer()),
      this.repeat(300, 1500, () => this.befallRingmaster(random.between(0, 9))),
      this.repeat(500, 2500, () => this.pauseWorker()),
      this.repeat(1000, 4000, () => this.leaveStderr()),
    ]);
    await this.reload(USUAL_VARIANT);
  }

  stop(): void {
    this.stopped.abort();
  }

  private async repeat(leastMs: number, mostMs: number, befall: () => Promise<void>): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      await delay(this.random.between(leastMs, mostMs), undefined, { signal }).catch(() => {});
      if (!signal.aborted) await befall();
    }
  }

  private async befallServer(): Promise<void> {
    const { random } = this;
    const servers = random.pick(this.servers);
    const index = random.between(0, servers.ports.length - 1);
    if (random.chance(0.5)) {
      this.count('server killed');
      await servers.killOne(index, random.between(0, 500));
    } else {
      this.count('server frozen');
      await servers.freezeOne(index, random.pick([30, 200, 600, 1200]));
    }
  }

  private async befallRingmaster(kind: number): Promise<void> {
    const { random, ringmaster } = this;
    const areWorkersSafe = performance.now() < this.workersAreSafeUntilMs;
    if (kind <= 3 && !areWorkersSafe) {
      this.workersAreSafeUntilMs = performance.now() + WORKER_PEACE_MS;
      const pids = ringmaster.workerPids();
      if (pids.length === 0) return;
      const isKilled = kind <= 1;
      this.count(isKilled ? 'worker killed' : 'worker told to end');
      process.kill(random.pick(pids), isKilled ? 'SIGKILL' : 'SIGTERM');
    } else if (kind === 4 && !areWorkersSafe) {
      this.workersAreSafeUntilMs = performance.now() + WORKER_PEACE_MS;
      this.count('workers replaced');
      ringmaster.signal('SIGUSR2');
    } else if (kind === 5) {
      await this.reloadBadly();
    } else if (kind === 6) {
      this.count('reload by HUP');
      ringmaster.writeConfig(soakConfig(this.places, this.variant()));
      ringmaster.signal('SIGHUP');
    } else {
      await this.reload(this.variant());
    }
  }

  /** As throttling does it, or a machine that is moved. */
  private async pauseWorker(): Promise<void> {
    const pids = this.ringmaster.workerPids();
    if (pids.length === 0) return;
    const pid = this.random.pick(pids);
    this.count('worker paused');
    signalIfThere(pid, 'SIGSTOP');
    await delay(this.random.pick([30, 200, 900]));
    signalIfThere(pid, 'SIGCONT');
  }

  /** As a log shipper does that hangs: servers that mean harm see to it that there is much to log. */
  private async leaveStderr(): Promise<void> {
    this.count('standard error not read');
    this.ringmaster.pauseStderr();
    await delay(this.random.between(200, 3000));
    this.ringmaster.resumeStderr();
  }

  private variant(): ConfigVariant {
    const { random } = this;
    return {
      timeoutMs: random.pick([300, 400, 800]),
      looseConnections: random.pick([1, 1, 2, 3]),
      hasAllServers: random.chance(0.6),
      hasExtraPool: random.chance(0.4),
    };
  }

  private async reload(variant: ConfigVariant): Promise<void> {
    this.count('reload');
    this.ringmaster.writeConfig(soakConfig(this.places, variant));
    const answer = await postAdmin(this.places.adminPort, '/-/reload');
    // 409 is what a worker's death in the middle may come to.
    if (answer.status === 409 && variant === USUAL_VARIANT) await delay(500).then(() => this.reload(variant));
    else if (answer.status !== 200 && answer.status !== 409) {
      this.tally.problem(`a reload is answered ${answer.status} ${answer.text.slice(0, 300)}`);
    }
  }

  private async reloadBadly(): Promise<void> {
    this.count('bad reload');
    this.ringmaster.writeConfig(`${soakConfig(this.places, this.variant())}  nonsense: {}\n`);
    const answer = await postAdmin(this.places.adminPort, '/-/reload');
    if (answer.status !== 400)
      this.tally.problem(`a bad file is answered ${answer.status} ${answer.text.slice(0, 300)}`);
  }

  private count(fault: Fault): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
  }
}

/** It may have been killed meanwhile. */
function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
