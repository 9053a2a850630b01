// Three real redis-servers and one Ringmaster, in whose ring the first two are.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ReshardStatus } from '../../src/master/reshard/reshard-status.ts';
import { askAdmin } from '../../test/support/admin-client.ts';
import { temporaryDirectory } from '../../test/support/child.ts';
import { freePorts } from '../../test/support/free-port.ts';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { type Ringmaster, runRingmaster, startRingmaster } from '../../test/support/ringmaster.ts';

const SERVERS = 3;
const FIRST = 2;

/** A change of phase, as the log has it. */
export interface Turn {
  readonly phase: string;
  readonly atMs: number;
}

export class Deployment {
  readonly port: number;
  readonly servers: readonly RedisServer[];
  readonly ringmaster: Ringmaster;
  private readonly adminPort: number;

  static async start(workers: number): Promise<Deployment> {
    const servers = await Promise.all(Array.from({ length: SERVERS }, () => startRedis()));
    const [port, adminPort] = (await freePorts(2)) as [number, number];
    const config = configOf(port, adminPort, servers.slice(0, FIRST));
    return new Deployment(port, adminPort, servers, await startRingmaster({ config, workers }));
  }

  private constructor(port: number, adminPort: number, servers: readonly RedisServer[], ringmaster: Ringmaster) {
    this.port = port;
    this.adminPort = adminPort;
    this.servers = servers;
    this.ringmaster = ringmaster;
  }

  /** The file with all servers in the ring. */
  get newConfig(): string {
    return configOf(this.port, this.adminPort, this.servers);
  }

  async startReshard(pace: string): Promise<void> {
    const body = { file: this.newConfig, pace };
    const { status, text } = await askAdmin(this.adminPort, '/api/v1/reshard/start', { method: 'POST', body });
    if (status !== 200) throw new Error(`the reshard was refused: ${text}`);
  }

  async reshardStatus(): Promise<NonNullable<ReshardStatus['reshard']>> {
    const { reshard } = (await askAdmin(this.adminPort, '/api/v1/reshard')).json<
      ReshardStatus & Record<string, unknown>
    >();
    if (reshard === null) throw new Error('there is no reshard');
    return reshard;
  }

  /** The ring of the new file is in force at once, and no key moves. */
  async changeRing(): Promise<void> {
    const file = path.join(temporaryDirectory('bench'), 'new.yml');
    writeFileSync(file, this.newConfig);
    this.ringmaster.writeConfig(this.newConfig);
    const { code, stderr } = await runRingmaster(['reload', '-c', this.ringmaster.configFile]);
    if (code !== 0) throw new Error(`the reload failed: ${stderr}`);
  }

  /** The sum of a metric over its labels. */
  async metric(name: string): Promise<number> {
    const { text } = await askAdmin(this.adminPort, '/metrics');
    const samples = parsePrometheusText(text).get(name)?.samples ?? [];
    return samples.reduce((sum, { value }) => sum + value, 0);
  }

  /** When the workers went from phase to phase, by the log. */
  turns(): Turn[] {
    return this.ringmaster
      .stderr()
      .split('\n')
      .filter(line => line.includes('"reshard phase"'))
      .map(line => JSON.parse(line) as { phase: string; time: string | number })
      .map(({ phase, time }) => ({ phase, atMs: new Date(time).getTime() }));
  }

  async keys(): Promise<number[]> {
    return Promise.all(this.servers.map(async server => Number(await server.command('DBSIZE'))));
  }

  async stop(): Promise<void> {
    await this.ringmaster.kill();
    await Promise.all(this.servers.map(server => server.kill()));
  }
}

function configOf(port: number, adminPort: number, servers: readonly RedisServer[]): string {
  return [
    `admin: 127.0.0.1:${adminPort}`,
    'pools:',
    '  ring:',
    `    listen: 127.0.0.1:${port}`,
    '    protocol: redis',
    '    hash: murmur',
    '    servers:',
    ...servers.map((server, i) => `      - { address: 127.0.0.1:${server.port}, name: server-${i} }`),
    '',
  ].join('\n');
}
