// As pools.ts, for apps of memcached: a server they are connected to directly, which proves the test itself, and pools.
import { after, describe, type TestContext, test } from 'node:test';
import { type MemcachedServer, startMemcached } from '../../support/memcached-server.ts';
import { startMemcachedPool } from '../../support/pool-under-test.ts';

const TIMEOUT_MS = 60_000;
const HOST = '127.0.0.1';
const POOLS = ['direct', 'one server', 'three servers'] as const;

export interface MemcachedAppPool {
  readonly host: string;
  readonly port: number;
  readonly servers: readonly MemcachedServer[];
}

type AppTest = (behaviour: string, body: (t: TestContext, pool: MemcachedAppPool) => Promise<void>) => void;

/** Defines the tests of an app once for each pool. Every test begins with empty servers. */
export function forEachMemcachedPool(app: string, define: (appTest: AppTest) => void): void {
  for (const name of POOLS) {
    describe(`${app}, ${name}`, () => {
      const ends: (() => unknown)[] = [];
      let starting: Promise<MemcachedAppPool> | undefined;
      after(async () => {
        for (const end of ends.reverse()) await end();
      });
      define((behaviour, body) =>
        test(`${app}, ${name}: ${behaviour}`, { timeout: TIMEOUT_MS }, async t => {
          starting ??= start(name, end => void ends.push(end));
          const pool = await starting;
          await Promise.all(pool.servers.map(server => server.ask('flush_all\r\n')));
          await body(t, pool);
        }));
    });
  }
}

async function start(name: (typeof POOLS)[number], atEnd: (end: () => unknown) => void): Promise<MemcachedAppPool> {
  if (name === 'direct') {
    const server = await startMemcached();
    atEnd(() => server.kill());
    return { host: HOST, port: server.port, servers: [server] };
  }
  const pool = await startMemcachedPool(
    { after: atEnd },
    { servers: name === 'one server' ? 1 : 3, workers: 2, settings: ['timeout: 20s'] },
  );
  return { host: HOST, port: pool.port, servers: pool.servers };
}
