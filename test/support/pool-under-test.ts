// One Ringmaster with one pool of real servers, which is what most integration tests need.
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { type MemcachedOptions, type MemcachedServer, startMemcached } from './memcached-server.ts';
import { RawClient, type RawClientOptions } from './raw-client.ts';
import { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';
import { type Ringmaster, startRingmaster } from './ringmaster.ts';

const PORT_ATTEMPTS = 3;

export interface PoolOptions {
  /** How many servers; one unless given. */
  readonly servers?: number;
  readonly workers?: number;
  /** Further lines of the pool, e.g. ['hash_tag: "{}"']. */
  readonly settings?: readonly string[];
}

export interface PoolUnderTest<Server> {
  /** Where clients connect. */
  readonly port: number;
  /** In the order of the config file. */
  readonly servers: readonly Server[];
  readonly ringmaster: Ringmaster;
  client(options?: RawClientOptions): Promise<RawClient>;
}

/** Starts `options.servers` redis-servers and a Ringmaster in front of them; all of it ends with the test. */
export async function startRedisPool(
  t: Pick<TestContext, 'after'>,
  options: PoolOptions & { readonly redis?: RedisOptions } = {},
): Promise<PoolUnderTest<RedisServer>> {
  const servers = await Promise.all(Array.from({ length: options.servers ?? 1 }, () => startRedis(options.redis)));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  return startPool(t, 'redis', servers, options);
}

/** Starts `options.servers` memcacheds and a Ringmaster in front of them; all of it ends with the test. */
export async function startMemcachedPool(
  t: Pick<TestContext, 'after'>,
  options: PoolOptions & { readonly memcached?: MemcachedOptions } = {},
): Promise<PoolUnderTest<MemcachedServer>> {
  const count = options.servers ?? 1;
  const servers = await Promise.all(Array.from({ length: count }, () => startMemcached(options.memcached)));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  return startPool(t, 'memcached', servers, options);
}

async function startPool<Server extends { readonly port: number }>(
  t: Pick<TestContext, 'after'>,
  protocol: 'redis' | 'memcached',
  servers: readonly Server[],
  options: PoolOptions,
): Promise<PoolUnderTest<Server>> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      const ringmaster = await startRingmaster({
        config: configOf(protocol, port, servers, options),
        workers: options.workers ?? 1,
      });
      t.after(() => ringmaster.kill());
      return { port, servers, ringmaster, client: clientOptions => RawClient.connect(port, clientOptions) };
    } catch (error) {
      // Somebody else was given the same free port.
      if (attempt === PORT_ATTEMPTS || !/address (?:already|is) in use/.test((error as Error).message)) throw error;
    }
  }
}

function configOf(
  protocol: 'redis' | 'memcached',
  port: number,
  servers: readonly { readonly port: number }[],
  options: PoolOptions,
): string {
  const lines = [
    'admin: false',
    'pools:',
    '  tested:',
    `    listen: 127.0.0.1:${port}`,
    `    protocol: ${protocol}`,
    ...(options.settings ?? []).map(line => `    ${line}`),
    '    servers:',
    // Named, so that keys are spread alike whatever the ports are.
    ...servers.map((server, i) => `      - 127.0.0.1:${server.port}:1 server-${i}`),
  ];
  return `${lines.join('\n')}\n`;
}
