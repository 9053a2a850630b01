// Servers, some of which are a ring, and two Ringmasters in front of them with a file each. Everything comes back after
// its death: servers with what they had (Redis writes it down), Ringmasters with the file that they had.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { isAlive, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

export type FleetProtocol = 'redis' | 'memcached';

export interface FleetOptions {
  readonly protocol: FleetProtocol;
  readonly servers: number;
  /** To begin with. */
  readonly ring: FleetRing;
  /** Further lines of the pool. */
  readonly settings?: readonly string[];
}

/** So many of the servers, and another hash than the usual one. */
export type FleetRing = number | { readonly servers: number; readonly hash: string };

export function ringText(ring: FleetRing): string {
  return typeof ring === 'number' ? `${ring} servers` : `${ring.servers} servers by ${ring.hash}`;
}

export function serversOf(ring: FleetRing): number {
  return typeof ring === 'number' ? ring : ring.servers;
}

export interface FleetServer {
  readonly port: number;
  readonly pid: number;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
}

export interface FleetProxy {
  readonly port: number;
  readonly adminPort: number;
  ringmaster: Ringmaster;
}

const PROXIES = 2;
const WORKERS = 2;
export const FLEET_POOL = 'ring';

export class ReshardFleet {
  readonly protocol: FleetProtocol;
  readonly servers: FleetServer[] = [];
  readonly proxies: FleetProxy[] = [];
  /** Of servers: their beginnings and their ends, so it is odd while one is under way. */
  restarts = 0;
  private readonly settings: readonly string[];

  static async start(options: FleetOptions): Promise<ReshardFleet> {
    const fleet = new ReshardFleet(options);
    const ports = await freePorts(options.servers);
    for (const port of ports) fleet.servers.push(await fleet.startServer(port));
    for (let i = 0; i < PROXIES; i++) {
      const [port, adminPort] = (await freePorts(2)) as [number, number];
      const proxy = { port, adminPort };
      const ringmaster = await startRingmaster({ config: fleet.config(proxy, options.ring), workers: WORKERS });
      fleet.proxies.push({ ...proxy, ringmaster });
    }
    return fleet;
  }

  constructor({ protocol, settings = [] }: FleetOptions) {
    this.protocol = protocol;
    this.settings = settings;
  }

  /** The file of a proxy that has this ring. */
  config({ port, adminPort }: { port: number; adminPort: number }, ring: FleetRing): string {
    const lines = [
      `admin: 127.0.0.1:${adminPort}`,
      'shutdown_timeout: 3s',
      'pools:',
      `  ${FLEET_POOL}:`,
      `    listen: 127.0.0.1:${port}`,
      `    protocol: ${this.protocol}`,
      '    timeout: 5s',
      `    hash: ${typeof ring === 'number' ? 'murmur' : ring.hash}`,
      ...this.settings.map(line => `    ${line}`),
      '    servers:',
      ...this.servers
        .slice(0, serversOf(ring))
        .map((server, i) => `      - { address: 127.0.0.1:${server.port}, name: server-${i} }`),
    ];
    return `${lines.join('\n')}\n`;
  }

  /** Writes that file somewhere; returns where. */
  writeConfig(proxy: FleetProxy, ring: FleetRing): string {
    const file = path.join(temporaryDirectory('ring'), 'new.yml');
    writeFileSync(file, this.config(proxy, ring));
    return file;
  }

  /** Kills a proxy's master, with which its workers end, and starts it with the file that it has. */
  async restartProxy(index: number): Promise<void> {
    const proxy = this.proxies[index]!;
    const { configFile } = proxy.ringmaster;
    const pids = proxy.ringmaster.workerPids();
    await proxy.ringmaster.killMaster();
    await waitFor(() => pids.every(pid => !isAlive(pid)), { what: 'the end of the workers', timeoutMs: 30_000 });
    proxy.ringmaster = await startRingmaster({ config: '', configFile, workers: WORKERS });
  }

  /** Kills a server and has it come back where it was. */
  async restartServer(index: number): Promise<void> {
    const { port } = this.servers[index]!;
    this.restarts++;
    await this.servers[index]!.kill();
    this.servers[index] = await this.startServer(port);
    this.restarts++;
  }

  async kill(): Promise<void> {
    await Promise.all(this.proxies.map(({ ringmaster }) => ringmaster.kill()));
    await Promise.all(this.servers.map(server => server.kill()));
  }

  private readonly directories = new Map<number, string>();

  private async startServer(port: number): Promise<FleetServer> {
    if (this.protocol === 'memcached') return startMemcached({ port });
    const dir = this.directories.get(port) ?? temporaryDirectory('fleet');
    this.directories.set(port, dir);
    // The last of an argument that is given twice counts. Written down before the answer: a killed server has it again.
    return startRedis({ port, args: ['--dir', dir, '--appendonly', 'yes', '--appendfsync', 'everysec'] });
  }
}
