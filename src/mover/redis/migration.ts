import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { addressText } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import { migrationAuth } from '../../protocol/redis/migration-traits.ts';
import {
  claimOf,
  isToHurry,
  keepClaimWords,
  markOf,
  moveInParts,
  type PartsResult,
  type PartsStep,
} from '../../protocol/redis/parts-traits.ts';
import { ErrorReply, type Reply } from '../../protocol/redis/reply-traits.ts';
import { withoutPassword } from '../../protocol/said-traits.ts';
import type { Reached } from '../key-owners.ts';
import { MoveTrouble } from '../protocol-mover.ts';
import type { RedisConnection } from './redis-connection.ts';

/** A target that says nothing for so long: its source waits for it, and serves nobody meanwhile. */
const LEAST_TIMEOUT_MS = 1000;

const PROBE_LIFE_MS = 10_000;
const ID_BYTES = 8;

export interface Migration {
  /** Of the source, with `database` selected. */
  readonly source: RedisConnection;
  /** Of the target, with it selected as well; null: nobody moves keys in parts meanwhile. */
  readonly destination: RedisConnection | null;
  readonly pool: PoolConfig;
  readonly target: Reached;
  readonly database: number;
}

/**
 * Has the source move these keys to the target; a key that the target has already is its own: what the source has is what an
 * interrupted move has left there. Rejects with a MoveTrouble; then each key is here, there, or on both.
 */
export async function migrate(migration: Migration, keys: readonly Buffer[], stepMs: number): Promise<void> {
  const reply = await asked(migration, keys, stepMs);
  if (isBusy(reply)) {
    // Of several keys it moves what it can, and does not say which were there.
    for (const key of keys) {
      const single = await asked(migration, [key], stepMs);
      if (isBusy(single)) await migration.source.need('UNLINK', key);
      else refuseError(migration, single);
    }
  } else refuseError(migration, reply);
  await endClaims(migration, keys);
}

/** Nobody may put what he has read of them in parts to the target any more. */
async function endClaims({ source, destination }: Migration, keys: readonly Buffer[]): Promise<void> {
  if (destination === null) return;
  const marks = await source.ask('EXISTS', ...keys.map(markOf));
  if (typeof marks === 'number' && marks > 0) await destination.need('UNLINK', ...keys.map(claimOf));
}

/** What it took and whether it was done: where it can't be, nothing has changed. */
export type PartsOutcome = 'moved' | 'gone' | 'whole';

/**
 * Moves a key in parts (parts-traits.ts), at the pace of `between`, which is called after each with its bytes and how long it took, and may
 * call what it is given to renew the claim; that says whether there is a client that waits. Rejects with a MoveTrouble.
 */
export async function migrateInParts(
  { source, destination }: Migration,
  { key, bytes }: { readonly key: Buffer; readonly bytes: number },
  between: (bytes: number, tookMs: number, keepClaim: () => Promise<boolean>) => Promise<void>,
): Promise<PartsOutcome> {
  if (destination === null) throw new Error('a key that is moved in parts needs a connection to where it goes');
  const move = { key, bytes, id: randomBytes(ID_BYTES).toString('hex'), isUrgent: false };
  const keepClaim = async () => isToHurry(await destination.need(...keepClaimWords(move)));
  const steps = moveInParts(move);
  let startedAtMs = performance.now();
  let replies: readonly Reply[] = [];
  for (;;) {
    let next: IteratorResult<PartsStep, PartsResult>;
    try {
      next = steps.next(replies);
    } catch (error) {
      throw new MoveTrouble(`${source.server} cannot move a key in parts: ${(error as Error).message}`);
    }
    if (next.done) {
      if (next.value !== 'there') return next.value;
      await source.need('UNLINK', key, markOf(key));
      return 'moved';
    }
    const step = next.value;
    if ('waitMs' in step) await delay(step.waitMs);
    else {
      replies = await (step.side === 'source' ? source : destination).askAll(step.commands);
      if (step.bytes === 0) continue;
      await between(step.bytes, performance.now() - startedAtMs, keepClaim);
      startedAtMs = performance.now();
    }
  }
}

/** Of a try. `untried`: the source has no memory for the key. */
export type ProbeResult = 'moved' | 'untried' | { readonly why: string };

/** Whether a key can be moved from here to there; tries it with one that nobody has. Rejects with a MoveTrouble. */
export async function probeMigration(migration: Migration, key: Buffer): Promise<ProbeResult> {
  const { source, target } = migration;
  const { address, credentials } = target;
  if ('path' in address) return { why: 'MIGRATE knows no unix sockets' };
  // Should it be lost on its way it does not stay.
  const set = await source.ask('SET', key, 'probe', 'PX', PROBE_LIFE_MS);
  if (set instanceof ErrorReply) return set.text.startsWith('OOM') ? 'untried' : { why: set.text };
  const reply = await asked(migration, [key], 0);
  if (!(reply instanceof ErrorReply)) return 'moved';
  await source.ask('DEL', key);
  return { why: withoutPassword(reply.text, credentials) };
}

function asked({ source, target, database }: Migration, keys: readonly Buffer[], stepMs: number): Promise<Reply> {
  const { address, credentials } = target;
  if ('path' in address) throw new MoveTrouble(`${address.path}: MIGRATE knows no unix sockets`);
  const timeoutMs = Math.max(LEAST_TIMEOUT_MS, Math.ceil(stepMs * 10));
  const auth = credentials === null ? [] : migrationAuth(credentials);
  return source.ask('MIGRATE', address.host, address.port, '', database, timeoutMs, ...auth, 'KEYS', ...keys);
}

const isBusy = (reply: Reply): boolean => reply instanceof ErrorReply && reply.text.includes('BUSYKEY');

function refuseError({ source, target }: Migration, reply: Reply): void {
  if (!(reply instanceof ErrorReply)) return;
  const words = withoutPassword(reply.text, target.credentials);
  throw new MoveTrouble(`${source.server} cannot move keys to ${addressText(target.address)}: ${words}`);
}
