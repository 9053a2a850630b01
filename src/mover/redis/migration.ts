import type { FixedAddress } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import { poolPassword } from '../../config/pool-password.ts';
import { MoveTrouble } from '../protocol-mover.ts';
import type { RedisConnection, Word } from './redis-connection.ts';
import { ErrorReply, type Reply } from './redis-reply.ts';

/** A target that says nothing for so long: its source waits for it, and serves nobody meanwhile. */
const LEAST_TIMEOUT_MS = 1000;

const PROBE_LIFE_MS = 10_000;

export interface Migration {
  /** Of the source, with `database` selected. */
  readonly source: RedisConnection;
  readonly pool: PoolConfig;
  readonly target: FixedAddress;
  readonly database: number;
}

/**
 * Has the source move these keys to the target; a key that the target has already is its own: what the source has is what an
 * interrupted move has left there. Rejects with a MoveTrouble; then each key is here, there, or on both.
 */
export async function migrate(migration: Migration, keys: readonly Buffer[], stepMs: number): Promise<void> {
  const reply = await asked(migration, keys, stepMs);
  if (!isBusy(reply)) return refuseError(migration, reply);
  // Of several keys it moves what it can, and does not say which were there.
  for (const key of keys) {
    const single = await asked(migration, [key], stepMs);
    if (isBusy(single)) await migration.source.need('DEL', key);
    else refuseError(migration, single);
  }
}

/** Of a try. `untried`: the source has no memory for the key. */
export type ProbeResult = 'moved' | 'untried' | { readonly why: string };

/** Whether a key can be moved from here to there; tries it with one that nobody has. Rejects with a MoveTrouble. */
export async function probeMigration(migration: Migration, key: Buffer): Promise<ProbeResult> {
  const { source, target } = migration;
  if ('path' in target) return { why: 'MIGRATE knows no unix sockets' };
  // Should it be lost on its way it does not stay.
  const set = await source.ask('SET', key, 'probe', 'PX', PROBE_LIFE_MS);
  if (set instanceof ErrorReply) return set.text.startsWith('OOM') ? 'untried' : { why: set.text };
  const reply = await asked(migration, [key], 0);
  if (!(reply instanceof ErrorReply)) return 'moved';
  await source.ask('DEL', key);
  return { why: reply.text };
}

function asked({ source, pool, target, database }: Migration, keys: readonly Buffer[], stepMs: number): Promise<Reply> {
  if ('path' in target) throw new MoveTrouble(`${target.path}: MIGRATE knows no unix sockets`);
  const timeoutMs = Math.max(LEAST_TIMEOUT_MS, Math.ceil(stepMs * 10));
  const password = poolPassword(pool);
  const auth: Word[] = password === null ? [] : ['AUTH', password];
  return source.ask('MIGRATE', target.host, target.port, '', database, timeoutMs, ...auth, 'KEYS', ...keys);
}

const isBusy = (reply: Reply): boolean => reply instanceof ErrorReply && reply.text.includes('BUSYKEY');

function refuseError({ source, target }: Migration, reply: Reply): void {
  if (!(reply instanceof ErrorReply)) return;
  const where = 'host' in target ? `${target.host}:${target.port}` : target.path;
  throw new MoveTrouble(`${source.server} cannot move keys to ${where}: ${reply.text}`);
}
