// One Ringmaster with any pools over any ports, its clients and its metrics.
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { freePort, freePorts } from './free-port.ts';
import { logLines } from './log-lines.ts';
import { parsePrometheusText } from './prometheus-text.ts';
import { RawClient, type RawClientOptions } from './raw-client.ts';
import { type Ringmaster, startRingmaster } from './ringmaster.ts';
import { waitFor } from './wait-for.ts';

export interface PoolOfDaemon {
  readonly protocol: 'redis' | 'memcached';
  /** Ports of its servers on 127.0.0.1; they are named server-0, server-1, … Of a port that several pools share: none. */
  readonly servers: readonly number[];
  /** It is reached by a port that several pools share only. */
  readonly hasNoPort?: boolean;
  /** Further lines, e.g. ['timeout: 100']. */
  readonly settings?: readonly string[];
}

export interface DaemonOptions {
  readonly workers?: number;
  /** Lines of the file's root, e.g. ['shutdown_timeout: 500']. */
  readonly settings?: readonly string[];
  /** `ulimit -n` of all its processes. */
  readonly openFiles?: number;
}

export class Daemon {
  readonly ringmaster: Ringmaster;
  readonly adminPort: number;
  private readonly ports: ReadonlyMap<string, number>;

  constructor(ringmaster: Ringmaster, adminPort: number, ports: ReadonlyMap<string, number>) {
    this.ringmaster = ringmaster;
    this.adminPort = adminPort;
    this.ports = ports;
  }

  /** Where clients of a pool connect. */
  port(pool: string): number {
    return this.ports.get(pool) as number;
  }

  client(pool: string, options?: RawClientOptions): Promise<RawClient> {
    return RawClient.connect(this.port(pool), options);
  }

  /** GET of a page of the admin server. */
  async page(path: string): Promise<{ status: number; body: string }> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** The sum of a metric's samples that carry these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { body } = await this.page('/metrics');
    const metric = parsePrometheusText(body).get(name);
    if (metric === undefined) throw new Error(`there is no metric ${name}`);
    return metric.samples
      .filter(sample => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, sample) => sum + sample.value, 0);
  }

  /** Resolves once the metric has the value. */
  async untilMetric(name: string, labels: Readonly<Record<string, string>>, value: number): Promise<void> {
    let last = Number.NaN;
    const hasIt = async () => {
      last = await this.metric(name, labels);
      return last === value;
    };
    await waitFor(hasIt, { what: `${name} to be ${value}` }).catch(error => {
      throw new Error(`${error.message}; it is ${last}`);
    });
  }

  /** Resident memory of all workers, in bytes. */
  residentBytes(): number {
    return this.ringmaster.workerPids().reduce((sum, pid) => {
      const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
      return sum + Number(kib) * 1024;
    }, 0);
  }

  /** Lines of its log with this message, once there are so many: nothing that a daemon does waits for its log to be read. */
  async untilLogged(message: RegExp, count = 1): Promise<Record<string, unknown>[]> {
    const lines = () => {
      const found = this.logged(message);
      return found.length >= count && found;
    };
    return waitFor(lines, { what: `${count} × ${message} in the log`, everyMs: 20 });
  }

  /** Lines of its log with this message that have come so far. */
  logged(message: RegExp): Record<string, unknown>[] {
    return logLines(this.ringmaster.stderr()).filter(({ msg }) => message.test(String(msg)));
  }
}

/** Starts a Ringmaster with these pools; it ends with the test. */
export async function startDaemon(
  t: Pick<TestContext, 'after'>,
  pools: Readonly<Record<string, PoolOfDaemon>>,
  options: DaemonOptions = {},
): Promise<Daemon> {
  const names = Object.keys(pools);
  const ports = await freePorts(names.length);
  const adminPort = await freePort();
  const lines = [`admin: 127.0.0.1:${adminPort}`, ...(options.settings ?? []), 'pools:'];
  for (const [i, name] of names.entries()) {
    const { protocol, servers, settings = [], hasNoPort = false } = pools[name] as PoolOfDaemon;
    lines.push(
      `  ${name}:`,
      `    listen: ${hasNoPort ? 'none' : `127.0.0.1:${ports[i]}`}`,
      `    protocol: ${protocol}`,
      ...settings.map(line => `    ${line}`),
      ...(servers.length > 0 ? ['    servers:'] : []),
      ...servers.map((port, server) => `      - 127.0.0.1:${port}:1 server-${server}`),
    );
  }
  const { workers = 1, openFiles } = options;
  const config = `${lines.join('\n')}\n`;
  const ringmaster = await startRingmaster({ config, workers, ...(openFiles !== undefined && { openFiles }) });
  t.after(() => ringmaster.kill());
  return new Daemon(ringmaster, adminPort, new Map(names.map((name, i) => [name, ports[i] as number])));
}
