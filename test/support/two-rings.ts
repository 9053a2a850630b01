// Three real redis-servers, of which a pool has the first two and then all, and workers' data paths between the two.
import type { TestContext } from 'node:test';
import { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';
import { movesBetween, poolOf, WorkerUnderTest } from './reshard-under-test.ts';

export interface TwoRings {
  readonly servers: readonly RedisServer[];
  readonly workers: readonly WorkerUnderTest[];
  /** The first. */
  readonly worker: WorkerUnderTest;
  /** Of `KEYS` and others: whether its server differs in the two rings. */
  readonly moves: (key: string) => boolean;
  /** Keys that move, and keys that stay. */
  readonly moving: readonly string[];
  readonly staying: readonly string[];
  /** Tells all workers; resolves when that is in force in all. */
  go(...step: Parameters<WorkerUnderTest['go']>): Promise<void>;
  /** The places of the servers that have the key. */
  placesOf(key: string): Promise<number[]>;
}

export const KEYS: readonly string[] = Array.from({ length: 60 }, (_, i) => `key:${i}`);

export async function startTwoRings(
  t: Pick<TestContext, 'after'>,
  options: {
    readonly workers?: number;
    readonly settings?: readonly string[];
    readonly redis?: RedisOptions | ((place: number) => RedisOptions);
    /** Where workers reach a server; its own port unless given. */
    readonly portOf?: (server: RedisServer, place: number) => number | Promise<number>;
  } = {},
): Promise<TwoRings> {
  const { settings = [], redis = {}, portOf = ({ port }) => port } = options;
  const servers = await Promise.all(
    [0, 1, 2].map(place => startRedis(typeof redis === 'function' ? redis(place) : redis)),
  );
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const ports = await Promise.all(servers.map(portOf));
  const lines = ports.map((port, i) => `127.0.0.1:${port}:1 s${i}`);
  const from = poolOf({ servers: lines.slice(0, 2), settings });
  const to = poolOf({ servers: lines, settings });
  const workers = await Promise.all(
    Array.from({ length: options.workers ?? 1 }, () => WorkerUnderTest.start(t, from, to)),
  );
  const moves = movesBetween(from, to);
  return {
    servers,
    workers,
    worker: workers[0] as WorkerUnderTest,
    moves,
    moving: KEYS.filter(moves),
    staying: KEYS.filter(key => !moves(key)),
    go: async (...step) => void (await Promise.all(workers.map(worker => worker.go(...step)))),
    placesOf: async key => {
      const found = await Promise.all(servers.map(server => server.command('EXISTS', key)));
      return found.flatMap((count, place) => (count === 1 ? [place] : []));
    },
  };
}
