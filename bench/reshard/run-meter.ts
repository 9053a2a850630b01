import { markdownTable } from '../load/markdown-table.ts';
import { costBetween, type Usage, usageOf } from '../load/process-cost.ts';
import type { PartResult } from './client-job.ts';
import type { ClientProcess } from './client-process.ts';
import type { Deployment } from './deployment.ts';

/** Shares of a core that processes used. */
export type Cores = Readonly<Record<string, number>>;

/** A part of a run: what clients saw, and what it cost. */
export interface Part {
  readonly clients: PartResult;
  readonly cores: Cores;
}

/** Measures a run part by part. */
export class RunMeter {
  /** The process that moves keys now. */
  mover: number | null = null;
  private readonly deployment: Deployment;
  private readonly clients: ClientProcess;
  /** Of each mover there was, the usage when it was last looked at. */
  private readonly movers = new Map<number, Usage>();

  constructor(deployment: Deployment, clients: ClientProcess) {
    this.deployment = deployment;
    this.clients = clients;
  }

  /** Reads what ends before its part does. */
  look(): void {
    const { mover } = this;
    if (mover === null) return;
    try {
      this.movers.set(mover, usageOf([mover]));
    } catch {
      // It has ended meanwhile.
    }
  }

  async during(part: string, work: () => Promise<void>): Promise<Part> {
    await this.clients.next(part);
    this.movers.clear();
    const groups = this.groups();
    const before = groups.map(({ pids }) => usageOf(pids));
    const startedAtMs = performance.now();
    await work();
    const ms = performance.now() - startedAtMs;
    const coresOf = (cpuUs: number) => cpuUs / 1000 / ms;
    const cores: Record<string, number> = {};
    for (const [i, { name, pids }] of groups.entries()) {
      cores[name] = coresOf(costBetween(before[i]!, usageOf(pids)).cpuUs);
    }
    cores.mover = coresOf([...this.movers.values()].reduce((sum, { cpuUs }) => sum + cpuUs, 0));
    const clients = await this.clients.next('');
    console.log(`${part}: ${clients.requests} requests in ${secondsText(clients.seconds)}, ${clients.errors} errors`);
    if (clients.error !== null) console.log(`  ${clients.error}`);
    return { clients, cores };
  }

  private groups(): readonly { readonly name: string; readonly pids: readonly number[] }[] {
    const { ringmaster, servers } = this.deployment;
    return [
      ...ringmaster.workerPids().map((pid, i) => ({ name: `worker ${i}`, pids: [pid] })),
      { name: 'master', pids: [ringmaster.pid] },
      ...servers.map(({ pid }, i) => ({ name: `server ${i}`, pids: [pid] })),
    ];
  }
}

export function partsTable(parts: readonly Part[]): string {
  const row = (name: string, cell: (part: Part) => string) => [name, ...parts.map(cell)];
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const names = [...new Set(parts.flatMap(({ cores }) => Object.keys(cores)))];
  return markdownTable(
    ['', ...parts.map(({ clients }) => clients.part)],
    [
      row('requests/s', ({ clients }) => (clients.requests / clients.seconds).toFixed(0)),
      row('errors', ({ clients }) => String(clients.errors)),
      row('misses', ({ clients }) => String(clients.misses)),
      row('p50', ({ clients }) => ms(clients.p50Ms)),
      row('p99', ({ clients }) => ms(clients.p99Ms)),
      row('p99.9', ({ clients }) => ms(clients.p999Ms)),
      row('max', ({ clients }) => ms(clients.maxMs)),
      row('clients late p99', ({ clients }) => ms(clients.lateP99Ms)),
      row('cores: clients', ({ clients }) => clients.cores.toFixed(2)),
      ...names.map(name => row(`cores: ${name}`, ({ cores }) => (cores[name] ?? 0).toFixed(2))),
    ],
  );
}

export function secondsText(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}
