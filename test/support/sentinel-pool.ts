// One Ringmaster with one pool whose servers Sentinels look after.
import type { TestContext } from 'node:test';
import { freePorts } from './free-port.ts';
import { Daemon } from './pool-daemon.ts';
import { startRingmaster } from './ringmaster.ts';

export interface SentinelPoolOptions {
  readonly workers?: number;
  readonly masters?: readonly string[];
  /** Further lines of the pool. */
  readonly settings?: readonly string[];
  /** Further members of `sentinel`. */
  readonly sentinel?: readonly string[];
}

/** Starts a Ringmaster whose pool `sessions` has these Sentinels; it ends with the test. */
export async function startSentinelPool(
  t: Pick<TestContext, 'after'>,
  sentinels: readonly number[],
  options: SentinelPoolOptions = {},
): Promise<Daemon> {
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const list = sentinels.map(each => `127.0.0.1:${each}`).join(', ');
  const config = [
    `admin: 127.0.0.1:${adminPort}`,
    'shutdown_timeout: 500',
    'pools:',
    '  sessions:',
    `    listen: 127.0.0.1:${port}`,
    '    protocol: redis',
    '    hash: murmur',
    ...(options.settings ?? []).map(line => `    ${line}`),
    '    sentinel:',
    `      addresses: [${list}]`,
    ...(options.sentinel ?? []).map(line => `      ${line}`),
    '    servers:',
    ...(options.masters ?? ['shard-a']).map(master => `      - { master: ${master} }`),
    '',
  ].join('\n');
  const ringmaster = await startRingmaster({ config, workers: options.workers ?? 1 });
  t.after(() => ringmaster.kill());
  return new Daemon(ringmaster, adminPort, new Map([['sessions', port]]));
}
