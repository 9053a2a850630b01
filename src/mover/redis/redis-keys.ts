import type { PoolConfig } from '../../config/config.ts';
import { isOwnName } from '../../protocol/redis/parts-traits.ts';
import { ErrorReply } from '../../protocol/redis/reply-traits.ts';
import { MoveTrouble } from '../protocol-mover.ts';
import type { RedisConnection } from './redis-connection.ts';

/** Keys that a server looks for in one step; it takes some 0.1 ms. */
const PAGE_KEYS = 250;

/** Of the servers, which the pool's clients can reach. */
export function databasesOf({ databases, redisDb }: PoolConfig): number[] {
  return databases === 1 ? [redisDb] : Array.from({ length: databases }, (_, i) => i);
}

/**
 * All clients' keys of the selected database that are there throughout, page by page; some of them perhaps twice. `own`: gets the
 * names of those that moving in parts has left there.
 */
export async function* scanned(connection: RedisConnection, own: Buffer[] = []): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0';
  do {
    const reply = await connection.need('SCAN', cursor, 'COUNT', PAGE_KEYS);
    const [next, keys] = Array.isArray(reply) ? reply : [];
    if (!Buffer.isBuffer(next) || !Array.isArray(keys))
      throw new MoveTrouble(`${connection.server}: no answer to SCAN`);
    cursor = next.toString();
    own.push(...(keys as Buffer[]).filter(isOwnName));
    yield (keys as Buffer[]).filter(key => !isOwnName(key));
  } while (cursor !== '0');
}

/** A server older than 4.0 does not say how large a key is. */
const ASSUMED_BYTES = 1024;

/** What each key takes in memory, in bytes; null: it is not there any more. */
export async function sizesOf(
  connection: RedisConnection,
  keys: readonly Buffer[],
): Promise<readonly (number | null)[]> {
  const replies = await connection.askAll(keys.map(key => ['MEMORY', 'USAGE', key]));
  return replies.map(reply => {
    if (reply instanceof ErrorReply) return ASSUMED_BYTES;
    return typeof reply === 'number' ? reply : null;
  });
}

/** As text that an operator can read and give back to redis-cli. */
export function keyText(key: Buffer): string {
  const text = key.toString();
  const isPlain = /^[\x21-\x7e]+$/.test(text) && text.length <= 200;
  return isPlain ? text : JSON.stringify(key.toString('latin1').slice(0, 200));
}
