// The servers that an app is tried on: one it is connected to directly, which proves the test itself, and pools of
// Ringmaster. Every test begins with empty servers.
import { after, describe, type TestContext, test } from 'node:test';
import { type PoolUnderTest, startRedisPool } from '../../support/pool-under-test.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { within } from '../../support/wait-for.ts';
import { missingFor, NOT_YET } from './not-yet.ts';

export type PoolName = 'direct' | 'one server' | 'three servers';

/** For apps whose keys cannot be told to share a server. */
export const UNSHARDED: readonly PoolName[] = ['direct', 'one server'];
/** For apps whose keys either need not share a server, or can by a tag in braces. */
export const SHARDED: readonly PoolName[] = ['direct', 'one server', 'three servers'];

export interface AppPool {
  readonly name: PoolName;
  readonly host: string;
  /** Where the app connects. */
  readonly port: number;
  /** The same as redis://host:port. */
  readonly url: string;
  /** The real servers behind it, to look at what the app left there. */
  readonly servers: readonly RedisServer[];
}

type AppTest = (behaviour: string, body: (t: TestContext, pool: AppPool) => Promise<void>) => void;

const TIMEOUT_MS = 60_000;
/** Most of what is missing shows at once; an app that waits in vain for a reply need not do so for long. */
const NOT_YET_TIMEOUT_MS = 8000;
const HOST = '127.0.0.1';

interface StartedPool extends AppPool {
  end(): Promise<void>;
}

/** Behaviours of all that was defined in this file. */
const defined = new Set<string>();

/** Defines the tests of an app, which is named like its file, once for each pool; `settings` are lines of the pools. */
export function forEachPool(
  app: string,
  options: {
    readonly pools: readonly PoolName[];
    readonly settings?: readonly string[];
    readonly leavesRejections?: boolean;
  },
  define: (appTest: AppTest, name: PoolName) => void,
): void {
  const { pools, settings = [], leavesRejections = false } = options;
  for (const name of pools) {
    describe(`${app}, ${name}`, () => {
      let starting: Promise<StartedPool> | undefined;
      // Tests that could not start it have failed already.
      after(async () => (await starting?.catch(() => undefined))?.end());
      const appTest: AppTest = (behaviour, body) => {
        const title = `${app}, ${name}: ${behaviour}`;
        defined.add(behaviour);
        const needs = missingFor(app, name, behaviour);
        const options = { timeout: TIMEOUT_MS, ...(needs !== undefined && { expectFailure: needs }) };
        test(title, options, async t => {
          starting ??= startPool(name, settings);
          const pool = await starting;
          await Promise.all(pool.servers.map(server => server.command('FLUSHALL')));
          const done = body(t, pool);
          // Not the runner's timeout: a test that it cuts off is a failure also when one is expected.
          await (needs === undefined ? done : within(done, { what: needs, timeoutMs: NOT_YET_TIMEOUT_MS }));
        });
      };
      define(appTest, name);
    });
  }
  // Rejections that nobody waits for, which a failed app leaves behind, may come after its test. The runner would fail the
  // file for them, though that the test failed was expected. So may a closed app that asks its Redis client for a moment more.
  if (NOT_YET[app] !== undefined || leavesRejections) {
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', () => {});
  }
  after(() => {
    const strays = Object.keys(NOT_YET[app] ?? {}).filter(behaviour => !defined.has(behaviour));
    if (strays.length > 0)
      throw new Error(`listed as not yet working, but there is no such test: ${strays.join('; ')}`);
  });
}

async function startPool(name: PoolName, settings: readonly string[]): Promise<StartedPool> {
  if (name === 'direct') {
    const server = await startRedis();
    return { ...place(name, server.port), servers: [server], end: () => server.kill() };
  }
  const ends: (() => unknown)[] = [];
  const pool: PoolUnderTest<RedisServer> = await startRedisPool(
    { after: (end: () => unknown) => void ends.push(end) },
    {
      servers: name === 'one server' ? 1 : 3,
      workers: 2,
      // Longer than an app's test takes: what is overdue there is a fault, not a slow machine.
      settings: ['timeout: 20s', 'hash_tag: "{}"', ...settings],
    },
  );
  return {
    ...place(name, pool.port),
    servers: pool.servers,
    end: async () => {
      for (const end of ends.reverse()) await end();
    },
  };
}

function place(name: PoolName, port: number): Pick<AppPool, 'name' | 'host' | 'port' | 'url'> {
  return { name, host: HOST, port, url: `redis://${HOST}:${port}` };
}
