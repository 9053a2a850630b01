// redis-semaphore: a mutex, a semaphore of three and a multi-semaphore, each held by many at once.
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { MultiSemaphore, Mutex, Semaphore } from 'redis-semaphore';
import { connectIoredis } from './support/ioredis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

const connect = connectIoredis(Redis);
const OPTIONS = { acquireTimeout: 30_000, retryInterval: 5, lockTimeout: 20_000 } as const;

interface Lock {
  acquire(): Promise<void>;
  release(): Promise<void>;
}

/** Takes every lock, holds it for a few turns and lets go; resolves with the most that were held at once. */
async function mostHeld(locks: readonly Lock[]): Promise<number> {
  let held = 0;
  let most = 0;
  const hold = async (lock: Lock) => {
    await lock.acquire();
    most = Math.max(most, ++held);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    held--;
    await lock.release();
  };
  await Promise.all(locks.map(hold));
  return most;
}

forEachPool('redis-semaphore', { pools: SHARDED }, appTest => {
  appTest('a mutex is held by one', async (t, pool) => {
    const clients = [connect(t, pool), connect(t, pool)];
    const locks = Array.from({ length: 10 }, (_, i) => new Mutex(clients[i % 2]!, 'shop', OPTIONS));
    assert.equal(await mostHeld(locks), 1);
  });

  appTest('a semaphore of three is held by three', async (t, pool) => {
    const clients = [connect(t, pool), connect(t, pool)];
    const locks = Array.from({ length: 12 }, (_, i) => new Semaphore(clients[i % 2]!, 'shop', 3, OPTIONS));
    assert.equal(await mostHeld(locks), 3);
  });

  appTest('a multi-semaphore gives out four permits by two', async (t, pool) => {
    const client = connect(t, pool);
    const locks = Array.from({ length: 8 }, () => new MultiSemaphore(client, 'shop', 4, 2, OPTIONS));
    assert.equal(await mostHeld(locks), 2);
  });

  appTest('who comes too late is told', async (t, pool) => {
    const client = connect(t, pool);
    const mutex = new Mutex(client, 'late', OPTIONS);
    await mutex.acquire();
    const late = new Mutex(client, 'late', { ...OPTIONS, acquireAttemptsLimit: 1 });
    await assert.rejects(late.acquire(), /mutex:late timeout/);
    await mutex.release();
    await late.acquire();
    await late.release();
  });
});
