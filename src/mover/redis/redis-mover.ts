import type { PoolConfig } from '../../config/config.ts';
import { KeyOwners } from '../key-owners.ts';
import type { OrphanJob, SurveyJob, SurveyReport, Way } from '../mover-job.ts';
import type { MoveContext, PassResult, ProtocolMover } from '../protocol-mover.ts';
import { RedisConnection, STUCK_AFTER_MS } from './redis-connection.ts';
import { databasesOf, scanned } from './redis-keys.ts';
import { surveyRedis } from './redis-survey.ts';
import { watchRedis } from './redis-watch.ts';
import { ServerWalk } from './server-walk.ts';

/** Moves the keys of a pool of Redis servers with MIGRATE, server by server beside each other. */
export const REDIS_MOVER: ProtocolMover = {
  /** A server moves a key in one step; see `fence`. */
  settleMs: 0,

  /** MIGRATE knows no unix sockets. */
  canTake: address => !('path' in address),

  survey: (job: SurveyJob): Promise<SurveyReport> => surveyRedis(job),

  async orphans({ from, to, isRemoving }: OrphanJob) {
    const owners = new KeyOwners(from, to);
    return Promise.all(
      owners.servers.map(async ({ text }, server) => ({
        server: text,
        keys: await onServer(from, owners, server, connection =>
          countOrphans(connection, databasesOf(from), key => owners.isOrphan(key, server), isRemoving),
        ),
      })),
    );
  },

  watch: watchRedis,

  async pass(way: Way, context: MoveContext): Promise<PassResult> {
    const owners = new KeyOwners(way.from, way.to, way.half);
    const walks = owners.servers.map(({ isFrom }, server) =>
      isFrom ? new ServerWalk(way.from, owners, server, context).run() : { found: 0, left: 0 },
    );
    const results: PassResult[] = [];
    // One that fails must not leave others walking behind it.
    for (const settled of await Promise.allSettled(walks)) {
      if (settled.status === 'rejected') throw settled.reason;
      results.push(settled.value);
    }
    const sum = (field: keyof PassResult) => results.reduce((total, result) => total + result[field], 0);
    return { found: sum('found'), left: sum('left') };
  },
};

async function onServer<T>(
  pool: PoolConfig,
  owners: KeyOwners,
  server: number,
  use: (connection: RedisConnection) => Promise<T>,
): Promise<T> {
  const connection = await RedisConnection.open(pool, owners.servers[server]!, STUCK_AFTER_MS);
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

async function countOrphans(
  connection: RedisConnection,
  databases: readonly number[],
  isOrphan: (key: Buffer) => boolean,
  isRemoving: boolean,
): Promise<number> {
  let count = 0;
  for (const database of databases) {
    await connection.need('SELECT', database);
    for await (const keys of scanned(connection)) {
      const orphans = keys.filter(isOrphan);
      count += orphans.length;
      if (isRemoving && orphans.length > 0) await connection.need('DEL', ...orphans);
    }
  }
  return count;
}
