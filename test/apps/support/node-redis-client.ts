// A client of node-redis that is connected, ends with its test and may not emit an error.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createClient, type RedisClientType } from 'redis';
import type { AppPool } from './pools.ts';

interface Options {
  readonly database?: number;
  readonly RESP?: 2 | 3;
}

export async function connectNodeRedis(t: TestContext, pool: AppPool, options: Options = {}): Promise<RedisClientType> {
  const client = createClient({ url: pool.url, ...options }) as unknown as RedisClientType;
  const errors: string[] = [];
  client.on('error', error => errors.push(String(error)));
  t.after(async () => {
    // What the app has asked at its end is answered first: nobody waits for a rejection of it.
    if (client.isOpen) await client.close();
    assert.deepEqual(errors, [], 'errors that the client emitted');
  });
  await client.connect();
  return client;
}
