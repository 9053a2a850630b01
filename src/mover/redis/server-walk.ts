import type { PoolConfig } from '../../config/config.ts';
import { claimOf, keyOfMark } from '../../protocol/redis/parts-traits.ts';
import { Breaks } from '../breaks.ts';
import type { KeyOwners } from '../key-owners.ts';
import { type MoveContext, MoveTrouble, type PassResult } from '../protocol-mover.ts';
import { type Migration, migrate, migrateInParts } from './migration.ts';
import { RedisConnection, STUCK_AFTER_MS } from './redis-connection.ts';
import { databasesOf, keyText, scanned, sizesOf } from './redis-keys.ts';
import { StepSize } from './step-size.ts';

interface SizedKey {
  readonly key: Buffer;
  readonly bytes: number;
}

interface WalkMigration extends Migration {
  readonly destination: RedisConnection;
}

/** Walks over all keys of one server, and moves those that move, in steps. */
export class ServerWalk {
  private readonly pool: PoolConfig;
  private readonly owners: KeyOwners;
  private readonly server: number;
  private readonly context: MoveContext;
  private readonly step = new StepSize();
  private readonly breaks = new Breaks();
  /** By index among the servers; the server itself is one of them. */
  private readonly connections = new Map<number, RedisConnection>();
  private found = 0;
  private left = 0;

  constructor(pool: PoolConfig, owners: KeyOwners, server: number, context: MoveContext) {
    this.pool = pool;
    this.owners = owners;
    this.server = server;
    this.context = context;
  }

  async run(): Promise<PassResult> {
    try {
      const source = await this.connectionTo(this.server);
      for (const database of databasesOf(this.pool)) {
        await source.need('SELECT', database);
        const own: Buffer[] = [];
        for await (const keys of scanned(source, own)) {
          this.context.onSeen(keys.length);
          const [groups, large] = await this.moving(source, keys);
          for (const [target, group] of groups) await this.move(target, group, database);
          for (const each of large) await this.moveLarge(each, database);
        }
        for (const name of own) await this.endClaim(source, name, database);
      }
      return { found: this.found, left: this.left };
    } finally {
      for (const connection of this.connections.values()) connection.close();
    }
  }

  /** Of a key that somebody else has moved, and may have died before he saw to that. */
  private async endClaim(source: RedisConnection, name: Buffer, database: number): Promise<void> {
    const { owners, server } = this;
    const key = keyOfMark(name);
    if (key === null || owners.from(key) !== server || owners.to(key) === server) return;
    const { destination } = await this.migrationTo(owners.to(key), database);
    if ((await source.need('EXISTS', key)) === 0) await destination.need('UNLINK', claimOf(key));
  }

  /** Those of the keys that move: by target what goes in steps, and what takes more than a step should. */
  private async moving(
    source: RedisConnection,
    keys: readonly Buffer[],
  ): Promise<[Map<number, SizedKey[]>, SizedKey[]]> {
    const { owners, server, pool } = this;
    const moving = keys.filter(key => owners.from(key) === server && owners.to(key) !== server);
    const sizes = await sizesOf(source, moving);
    const byTarget = new Map<number, SizedKey[]>();
    const large: SizedKey[] = [];
    for (const [i, key] of moving.entries()) {
      const bytes = sizes[i] ?? null;
      if (bytes === null) continue;
      this.found++;
      if (bytes > pool.reshardWholeBytes) {
        large.push({ key, bytes });
        continue;
      }
      const target = owners.to(key);
      const group = byTarget.get(target);
      if (group === undefined) byTarget.set(target, [{ key, bytes }]);
      else group.push({ key, bytes });
    }
    return [byTarget, large];
  }

  /** In parts, if it can be, with a break after each; else as a whole, if that is wanted. */
  private async moveLarge(sized: SizedKey, database: number): Promise<void> {
    const { context, step } = this;
    const target = this.owners.to(sized.key);
    const migration = await this.migrationTo(target, database);
    let isUrgent = false;
    const outcome = await migrateInParts(migration, sized, async (bytes, tookMs, keepClaim) => {
      const hurries = async () => {
        isUrgent ||= await keepClaim();
        return isUrgent;
      };
      if (!isUrgent) await context.pace.take(bytes, hurries);
      await this.leaveTime(migration, tookMs);
      context.onMoved(0, bytes);
    });
    if (outcome === 'moved') context.onMoved(1, 0);
    if (outcome !== 'whole') return;
    const stepMs = step.msOf(sized.bytes);
    if (stepMs > context.maxStepMs && !context.movesBig) {
      this.left++;
      const { server } = migration.source;
      context.onBig({ key: keyText(sized.key), server, bytes: sized.bytes, stepMs: Math.round(stepMs) });
    } else await this.move(target, [sized], database);
  }

  /**
   * In steps that keep the server as short as a step should, and leave it as much time for others as they took, or more while
   * it or the target is slow to answer.
   */
  private async move(target: number, group: readonly SizedKey[], database: number): Promise<void> {
    const { step, context } = this;
    const migration = await this.migrationTo(target, database);
    for (let at = 0; at < group.length; ) {
      const batch = step.batch(group, at);
      at += batch.length;
      const bytes = batch.reduce((sum, each) => sum + each.bytes, 0);
      await context.pace.take(bytes);
      const tookMs = await this.migrate(migration, batch, bytes);
      step.took(batch.length, bytes, tookMs);
      context.onMoved(batch.length, bytes);
      await this.leaveTime(migration, tookMs);
    }
  }

  private async leaveTime({ source, destination }: WalkMigration, tookMs: number): Promise<void> {
    const ms = this.step.pauseMs(tookMs);
    const asks = [source, destination].map(connection => () => connection.need('PING'));
    await this.breaks.take({ least: ms, unit: ms }, asks);
  }

  private async migrationTo(target: number, database: number): Promise<WalkMigration> {
    const [source, destination] = [await this.connectionTo(this.server), await this.connectionTo(target)];
    await destination.need('SELECT', database);
    return { source, destination, pool: this.pool, target: this.owners.servers[target]!, database };
  }

  /** How long it took, in milliseconds. */
  private async migrate(migration: Migration, batch: readonly SizedKey[], bytes: number): Promise<number> {
    const startedAtMs = performance.now();
    try {
      const keys = batch.map(({ key }) => key);
      await migrate(migration, keys, this.step.msOf(bytes));
    } catch (error) {
      // The target may have bytes of it yet to read: a moment, and not sooner than it answers others again.
      if (error instanceof MoveTrouble && error.message.includes('IOERR')) await untilAnswering(migration);
      throw error;
    }
    return performance.now() - startedAtMs;
  }

  private async connectionTo(server: number): Promise<RedisConnection> {
    const known = this.connections.get(server);
    if (known !== undefined) return known;
    const connection = await RedisConnection.open(this.pool, this.owners.servers[server]!, STUCK_AFTER_MS);
    this.connections.set(server, connection);
    return connection;
  }
}

async function untilAnswering({ pool, target }: Migration): Promise<void> {
  const connection = await RedisConnection.open(pool, target, STUCK_AFTER_MS);
  connection.close();
}
