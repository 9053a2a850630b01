import type { Config } from '../../config/config.ts';
import type { OutServer } from '../../ipc/messages.ts';
import { inSlices } from '../../system/slices.ts';
import { Ejections } from './ejections.ts';
import { HandVerdicts } from './hand-verdicts.ts';
import { HealthChecks, type HealthChecksHost } from './health-checks.ts';

/** Which servers are out of the ring, whoever says so: health checks, failing requests, an operator. */
export class ServerVerdicts {
  readonly health: HealthChecks;
  readonly ejections: Ejections;
  readonly byHand: HandVerdicts;

  constructor(host: HealthChecksHost) {
    const { log } = host;
    const onVerdict = () => host.onVerdict();
    this.health = new HealthChecks(host);
    this.ejections = new Ejections({ log, onVerdict });
    this.byHand = new HandVerdicts({ log, out: () => this.out(), onVerdict });
  }

  /** Takes over another configuration; `served`: as workers get it. */
  async setPools(config: Config, served: Config): Promise<void> {
    await inSlices(this.health.poolSteps(served.pools));
    this.ejections.setPools(served.pools);
    this.byHand.setPools(config.pools);
  }

  out(): readonly OutServer[] {
    return [...this.health.out(), ...this.ejections.out(), ...this.byHand.out()];
  }

  stop(): void {
    this.health.stop();
    this.ejections.stop();
  }
}
