// Redis servers, proxies in front of the first few of them, and the command that changes how many.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import type { ReshardStatus } from '../../src/master/reshard/reshard-status.ts';
import { KeyOwners } from '../../src/mover/key-owners.ts';
import { askAdmin } from './admin-client.ts';
import { isAlive, temporaryDirectory } from './child.ts';
import { freePorts } from './free-port.ts';
import { RawClient } from './raw-client.ts';
import { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';
import { type Ringmaster, startRingmaster } from './ringmaster.ts';
import { waitFor } from './wait-for.ts';

export interface ReshardPoolOptions {
  /** Of the servers, in order. */
  readonly servers: readonly RedisOptions[];
  /** How many of them are in the ring at first. */
  readonly first: number;
  readonly proxies?: number;
  /** Further lines of the pool. */
  readonly settings?: readonly string[];
  /** How the proxies reach a server: `host:port` or a path. */
  readonly addressOf?: (server: RedisServer, place: number) => string;
}

export class ReshardPool {
  readonly servers: readonly RedisServer[];
  readonly proxies: Ringmaster[] = [];
  readonly admins: readonly string[];
  private readonly ports: readonly number[];
  private readonly settings: readonly string[];
  private readonly addresses: readonly string[];
  private readonly directory = temporaryDirectory('reshard');

  private constructor(
    servers: readonly RedisServer[],
    ports: readonly number[],
    adminPorts: readonly number[],
    { settings = [], addressOf = ({ port }) => `127.0.0.1:${port}` }: ReshardPoolOptions,
  ) {
    this.servers = servers;
    this.ports = ports;
    this.admins = adminPorts.map(port => `127.0.0.1:${port}`);
    this.settings = settings;
    this.addresses = servers.map(addressOf);
  }

  static async start(t: Pick<TestContext, 'after'>, options: ReshardPoolOptions): Promise<ReshardPool> {
    const { proxies = 1, first } = options;
    const servers = await Promise.all(options.servers.map(each => startRedis(each)));
    const [ports, adminPorts] = [await freePorts(proxies), await freePorts(proxies)];
    const pool = new ReshardPool(servers, ports, adminPorts, options);
    t.after(() => Promise.all([...pool.proxies.map(proxy => proxy.kill()), ...servers.map(server => server.kill())]));
    const among = Array.from({ length: first }, (_, i) => i);
    for (let i = 0; i < proxies; i++) {
      pool.proxies.push(await startRingmaster({ config: pool.config(among, i), workers: 2 }));
    }
    return pool;
  }

  /** The file of a proxy with these servers in its ring. */
  config(among: readonly number[], proxy = 0): string {
    return [
      '# A comment that stays.',
      `admin: ${this.admins[proxy]}`,
      'shutdown_timeout: 1s',
      'pools:',
      '  red:',
      `    listen: 127.0.0.1:${this.ports[proxy]}`,
      '    protocol: redis',
      '    hash: murmur',
      ...this.settings.map(line => `    ${line}`),
      '    servers:',
      ...among.map(i => `      - ${this.addresses[i]}:1 s${i}`),
      '',
    ].join('\n');
  }

  client(proxy = 0): Promise<RawClient> {
    return RawClient.connect(this.ports[proxy] as number);
  }

  /** Writes a file for the command; its path. */
  newFile(text: string): string {
    const file = path.join(this.directory, 'new.yml');
    writeFileSync(file, text);
    return file;
  }

  adminPort(proxy = 0): number {
    return Number((this.admins[proxy] as string).split(':')[1]);
  }

  /** POST /api/v1/reshard/… at the first proxy, which has to do it; what it answers. */
  async reshard(verb: string, body: object = {}): Promise<Record<string, unknown>> {
    const { status, text } = await askAdmin(this.adminPort(), `/api/v1/reshard/${verb}`, { method: 'POST', body });
    assert.equal(status, 200, `reshard ${verb}: ${text}\n${this.proxies[0]!.stderr()}`);
    return JSON.parse(text);
  }

  /** The same, which must be refused; with the reason. */
  async reshardRefused(verb: string, body: object = {}): Promise<string> {
    const { status, text } = await askAdmin(this.adminPort(), `/api/v1/reshard/${verb}`, { method: 'POST', body });
    assert.notEqual(status, 200, `reshard ${verb}: ${text}`);
    return String(JSON.parse(text).error);
  }

  async status(proxy = 0): Promise<ReshardStatus> {
    const response = await fetch(`http://${this.admins[proxy]}/api/v1/reshard`);
    return (await response.json()) as ReshardStatus;
  }

  /** Resolves once the reshard is as wanted there. */
  async until(
    isSo: (reshard: NonNullable<ReshardStatus['reshard']>) => boolean,
    what: string,
    proxy = 0,
  ): Promise<void> {
    let last: ReshardStatus['reshard'] = null;
    const look = async () => {
      last = (await this.status(proxy).catch(() => null))?.reshard ?? null;
      return last !== null && isSo(last);
    };
    await waitFor(look, { what, timeoutMs: 60_000 }).catch(error => {
      throw new Error(`${error.message}; it is ${JSON.stringify(last)}\n${this.proxies[proxy]!.stderr()}`);
    });
  }

  untilOver(proxy = 0): Promise<void> {
    return this.until(({ phase, plan }) => phase === 'over' && plan === null, 'the end of the reshard', proxy);
  }

  /** Ends a proxy's master with SIGKILL, and its workers with it; resolves when all are gone. */
  async killProxy(proxy: number): Promise<void> {
    const { workerPids, killMaster } = this.proxies[proxy]!;
    const pids = workerPids();
    await killMaster();
    await waitFor(() => pids.every(pid => !isAlive(pid)), { what: 'the end of the workers' });
  }

  /** Starts it again with the file that it had. */
  async restartProxy(proxy: number): Promise<void> {
    this.proxies[proxy] = await startRingmaster({
      configFile: this.proxies[proxy]!.configFile,
      config: '',
      workers: 2,
    });
  }

  /** From now on a proxy can't write its record; call what is returned, and it can. */
  refuseRecords(proxy: number): () => void {
    const { configFile, pid } = this.proxies[proxy]!;
    const inTheWay = path.join(path.dirname(configFile), `.${path.basename(configFile)}.reshard.json.${pid}.tmp`);
    mkdirSync(inTheWay);
    return () => rmdirSync(inTheWay);
  }

  /** What a proxy's file says. */
  fileOf(proxy = 0): string {
    return readFileSync(this.proxies[proxy]!.configFile, 'utf8');
  }

  /** Clients that wait for keys on the move, of all workers. */
  async waitingClients(proxy = 0): Promise<number> {
    const response = await fetch(`http://${this.admins[proxy]}/metrics`);
    return Number(/^ringmaster_pool_reshard_waiting_clients\{.*\} (\d+)$/m.exec(await response.text())?.[1] ?? 0);
  }

  /** Which server a key is on in the ring `among`, as an index of `among`. */
  owners(among: readonly number[]): (key: string) => number {
    const [red] = parseConfig(this.config(among), 'f').pools;
    const owners = new KeyOwners(red!, red!);
    return key => owners.to(Buffer.from(key));
  }

  /** Each server's keys, asked of it. */
  async keys(): Promise<string[][]> {
    return Promise.all(
      this.servers.map(async server => ((await server.command('KEYS', '*')) as unknown[]).map(String).sort()),
    );
  }

  /**
   * Fails unless each of these keys is on its server in the ring `among`, and on no other, and there are no others. `changed`: what
   * else is another in the file.
   */
  async assertPlaced(
    wanted: Iterable<string>,
    among: readonly number[],
    changed: (file: string) => string = file => file,
  ): Promise<void> {
    const [red] = parseConfig(changed(this.config(among)), 'f').pools;
    const owners = new KeyOwners(red!, red!);
    const want = this.servers.map((): string[] => []);
    for (const key of wanted) want[among[owners.to(Buffer.from(key))]!]!.push(key);
    assert.deepEqual(
      await this.keys(),
      want.map(keys => keys.sort()),
    );
  }
}
