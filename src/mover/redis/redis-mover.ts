import { setTimeout as delay } from 'node:timers/promises';
import { KeyOwners } from '../key-owners.ts';
import type { OrphanJob, Placements, SurveyJob, SurveyReport } from '../mover-job.ts';
import { type MoveContext, MoveTrouble, type PassResult, type ProtocolMover } from '../protocol-mover.ts';
import { fence } from './fence.ts';
import { type Migration, migrate } from './migration.ts';
import { RedisConnection } from './redis-connection.ts';
import { databasesOf, keyText, scanned, sizesOf } from './redis-keys.ts';
import { surveyRedis } from './redis-survey.ts';
import { StepSize } from './step-size.ts';

/** MIGRATE and DEL of large keys keep a server; one that is silent for longer is stuck. */
const ANSWER_WITHIN_MS = 60_000;

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
          countOrphans(connection, databasesOf(from), key => owners.from(key) !== server, isRemoving),
        ),
      })),
    );
  },

  fence,

  async pass(placements: Placements, context: MoveContext): Promise<PassResult> {
    const owners = new KeyOwners(placements.from, placements.to);
    const walks = owners.servers.map(({ isFrom }, server) =>
      isFrom ? walk(placements, owners, server, context) : { found: 0, left: 0 },
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
  pool: Placements['from'],
  owners: KeyOwners,
  server: number,
  use: (connection: RedisConnection) => Promise<T>,
): Promise<T> {
  const connection = await RedisConnection.open(pool, owners.servers[server]!, ANSWER_WITHIN_MS);
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

function walk({ from }: Placements, owners: KeyOwners, server: number, context: MoveContext): Promise<PassResult> {
  return onServer(from, owners, server, async connection => {
    const step = new StepSize();
    let [found, left] = [0, 0];
    for (const database of databasesOf(from)) {
      await connection.need('SELECT', database);
      for await (const keys of scanned(connection)) {
        context.onSeen(keys.length);
        const moving = keys.filter(key => owners.from(key) === server && owners.to(key) !== server);
        const sizes = await sizesOf(connection, moving);
        const byTarget = new Map<number, { key: Buffer; bytes: number }[]>();
        for (const [i, key] of moving.entries()) {
          const bytes = sizes[i] ?? null;
          if (bytes === null) continue;
          found++;
          const stepMs = step.msOf(bytes);
          if (stepMs > context.maxStepMs && !context.movesBig) {
            left++;
            context.onBig({ key: keyText(key), server: connection.server, bytes, stepMs: Math.round(stepMs) });
            continue;
          }
          const target = owners.to(key);
          const group = byTarget.get(target);
          if (group === undefined) byTarget.set(target, [{ key, bytes }]);
          else group.push({ key, bytes });
        }
        for (const [target, group] of byTarget) {
          const to = owners.servers[target]!;
          await moveGroup({ source: connection, pool: from, target: to, database }, group, step, context);
        }
      }
    }
    return { found, left };
  });
}

/** In steps that keep the source as short as a step should, and leave it as much time for others as they took. */
async function moveGroup(
  migration: Migration,
  group: readonly { readonly key: Buffer; readonly bytes: number }[],
  step: StepSize,
  context: MoveContext,
): Promise<void> {
  for (let at = 0; at < group.length; ) {
    const batch = step.batch(group, at);
    at += batch.length;
    const bytes = batch.reduce((sum, each) => sum + each.bytes, 0);
    await context.pace.take(bytes);
    const startedAtMs = performance.now();
    try {
      await migrate(
        migration,
        batch.map(({ key }) => key),
        step.msOf(bytes),
      );
    } catch (error) {
      // The target may have bytes of it yet to read: a moment, and not sooner than it answers others again.
      if (error instanceof MoveTrouble && error.message.includes('IOERR')) await untilAnswering(migration);
      throw error;
    }
    const tookMs = performance.now() - startedAtMs;
    step.took(batch.length, bytes, tookMs);
    context.onMoved(batch.length, bytes);
    await delay(step.pauseMs(tookMs));
  }
}

async function untilAnswering({ pool, target }: Migration): Promise<void> {
  const connection = await RedisConnection.open(pool, target, ANSWER_WITHIN_MS);
  connection.close();
}
