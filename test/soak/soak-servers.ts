import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startRedis } from '../support/redis-server.ts';
import type { ServerHistory } from './key-ledger.ts';

interface Running {
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
}

/** The servers of one protocol, each on a port of its own that it comes back to. */
export class SoakServers {
  readonly ports: readonly number[];
  readonly history: ServerHistory = { deaths: 0, faults: 0, faultEndedAtMs: 0 };
  private readonly startOn: (port: number) => Promise<Running>;
  private readonly running: Running[] = [];

  static async redis(count: number): Promise<SoakServers> {
    return SoakServers.start(await freePorts(count), port => startRedis({ port }));
  }

  static async memcached(count: number): Promise<SoakServers> {
    return SoakServers.start(await freePorts(count), port => startMemcached({ port, memoryMiB: 256 }));
  }

  private static async start(ports: readonly number[], startOn: (port: number) => Promise<Running>) {
    const servers = new SoakServers(ports, startOn);
    for (const port of ports) servers.running.push(await startOn(port));
    return servers;
  }

  private constructor(ports: readonly number[], startOn: (port: number) => Promise<Running>) {
    this.ports = ports;
    this.startOn = startOn;
  }

  /** kill -9, and another one on the same port after `downMs`: it is empty. */
  async killOne(index: number, downMs: number): Promise<void> {
    this.faultBegins();
    await this.running[index]!.kill();
    this.history.deaths++;
    await delay(downMs);
    this.running[index] = await this.startOn(this.ports[index]!);
    this.history.faultEndedAtMs = performance.now();
  }

  /** Answers nothing for `ms`; then all that has waited for it. */
  async freezeOne(index: number, ms: number): Promise<void> {
    this.faultBegins();
    this.running[index]!.freeze();
    await delay(ms);
    this.running[index]!.thaw();
    this.history.faultEndedAtMs = performance.now();
  }

  private faultBegins(): void {
    this.history.faults++;
    this.history.faultEndedAtMs = Number.POSITIVE_INFINITY;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.running.map(server => server.kill()));
  }
}
