// One Ringmaster with one pool that is a cluster.
import type { TestContext } from 'node:test';
import { keySlot } from '../../src/hash/key-slot.ts';
import { freePorts } from './free-port.ts';
import { Daemon } from './pool-daemon.ts';
import type { RedisCluster } from './redis-cluster.ts';
import { startRingmaster } from './ringmaster.ts';

export interface ClusterPoolOptions {
  readonly workers?: number;
  /** Further lines of the pool. */
  readonly settings?: readonly string[];
  /** Of the seeds; 127.0.0.1 unless given. */
  readonly host?: string;
  /** Further members of `cluster`, e.g. ['refresh_min: 200ms']. */
  readonly cluster?: readonly string[];
}

/** Starts a Ringmaster whose pool `orders` is the cluster with these seeds; it ends with the test. */
export async function startClusterPool(
  t: Pick<TestContext, 'after'>,
  seeds: readonly number[],
  options: ClusterPoolOptions = {},
): Promise<Daemon> {
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const { host = '127.0.0.1' } = options;
  const list = seeds.map(seed => `"${host}:${seed}"`).join(', ');
  const config = [
    `admin: 127.0.0.1:${adminPort}`,
    'shutdown_timeout: 500',
    'pools:',
    '  orders:',
    `    listen: 127.0.0.1:${port}`,
    '    protocol: redis',
    ...(options.settings ?? []).map(line => `    ${line}`),
    '    cluster:',
    `      seeds: [${list}]`,
    ...(options.cluster ?? []).map(line => `      ${line}`),
    '',
  ].join('\n');
  const ringmaster = await startRingmaster({ config, workers: options.workers ?? 1 });
  t.after(() => ringmaster.kill());
  return new Daemon(ringmaster, adminPort, new Map([['orders', port]]));
}

/** Ports of a cluster's nodes. */
export function portsOf(cluster: RedisCluster): number[] {
  return cluster.nodes.map(({ server }) => server.port);
}

export function slotOf(key: string): number {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
}
