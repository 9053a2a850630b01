// One Ringmaster with one pool of a real primary and its real replicas.
import type { TestContext } from 'node:test';
import { freePorts } from './free-port.ts';
import { Daemon } from './pool-daemon.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { startRingmaster } from './ringmaster.ts';
import { waitFor } from './wait-for.ts';

export interface ReplicatedOptions {
  readonly replicas?: number;
  readonly workers?: number;
  readonly password?: string;
  /** Further lines of the pool. */
  readonly settings?: readonly string[];
  /** Zones of the replicas. */
  readonly zones?: readonly string[];
}

export class ReplicatedPool {
  readonly daemon: Daemon;
  readonly primary: RedisServer;
  readonly replicas: RedisServer[];

  constructor(daemon: Daemon, primary: RedisServer, replicas: RedisServer[]) {
    this.daemon = daemon;
    this.primary = primary;
    this.replicas = replicas;
  }

  /** What each has in `key`, the primary first. */
  async everywhere(key: string): Promise<string[]> {
    const values = await Promise.all([this.primary, ...this.replicas].map(each => each.command('GET', key)));
    return values.map(String);
  }

  /** Each server is given a value of its own in `who`, so that a read says who answered: `primary`, `replica-0`, … */
  async tellApart(): Promise<void> {
    await this.untilFollowing();
    await this.primary.command('SET', 'who', 'primary');
    await waitFor(async () => (await this.everywhere('who')).every(value => value === 'primary'), { what: 'copies' });
    for (const [i, replica] of this.replicas.entries()) {
      await replica.command('CONFIG', 'SET', 'replica-read-only', 'no');
      await replica.command('SET', 'who', `replica-${i}`);
      await replica.command('CONFIG', 'SET', 'replica-read-only', 'yes');
    }
  }

  /** All replicas follow the primary. */
  async untilFollowing(): Promise<void> {
    const follows = async (replica: RedisServer) =>
      /master_link_status:up/.test(String(await replica.command('INFO', 'replication')));
    await waitFor(async () => (await Promise.all(this.replicas.map(follows))).every(Boolean), {
      what: 'the replicas to follow',
      everyMs: 20,
    });
  }

  /** Who answers so many reads, and how often. */
  async answers(count: number): Promise<Record<string, number>> {
    const client = await this.daemon.client('pages');
    const counts: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const reply = await client.command('GET', 'who');
      const who = reply instanceof Buffer ? reply.toString() : 'error';
      counts[who] = (counts[who] ?? 0) + 1;
    }
    client.destroy();
    return counts;
  }

  /** Resolves once only these answer, all of them. */
  async untilAnsweredBy(...who: string[]): Promise<void> {
    const wanted = [...who].sort().join();
    let last = '';
    const isSo = async () => {
      last = Object.keys(await this.answers(who.length * 4))
        .sort()
        .join();
      return last === wanted;
    };
    await waitFor(isSo, { what: `answers of ${wanted}`, everyMs: 20, timeoutMs: 20_000 }).catch(error => {
      throw new Error(`${error.message}; they are of ${last}`);
    });
  }
}

/** Starts them all; they end with the test. */
export async function startReplicatedPool(
  t: Pick<TestContext, 'after'>,
  options: ReplicatedOptions = {},
): Promise<ReplicatedPool> {
  const { replicas: count = 2, workers = 1, settings = [], zones = [], password } = options;
  const secret = password === undefined ? {} : { requirepass: password };
  const primary = await startRedis({
    ...secret,
    args: ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
  });
  t.after(() => primary.kill());
  const replicas = await Promise.all(
    Array.from({ length: count }, () =>
      startRedis({
        ...secret,
        args: [
          ...['--replicaof', '127.0.0.1', String(primary.port), '--enable-debug-command', 'local'],
          ...(password === undefined ? [] : ['--masterauth', password]),
        ],
      }),
    ),
  );
  t.after(async () => void (await Promise.all(replicas.map(each => each.kill()))));
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const list = replicas
    .map((each, i) => `127.0.0.1:${each.port}${zones[i] === undefined ? '' : ` ${zones[i]}`}`)
    .join(', ');
  const config = [
    `admin: 127.0.0.1:${adminPort}`,
    'pools:',
    '  pages:',
    `    listen: 127.0.0.1:${port}`,
    '    protocol: redis',
    '    replica_check: 100ms',
    ...settings.map(line => `    ${line}`),
    '    servers:',
    `      - { address: 127.0.0.1:${primary.port}, name: page-server, replicas: [${list}] }`,
    '',
  ].join('\n');
  const ringmaster = await startRingmaster({ config, workers });
  t.after(() => ringmaster.kill());
  const pool = new ReplicatedPool(new Daemon(ringmaster, adminPort, new Map([['pages', port]])), primary, replicas);
  await pool.tellApart();
  return pool;
}
