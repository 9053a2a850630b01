// Redlock: one holder at a time, extension, expiry, locks over several resources.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import Redlock, { type CompatibleRedisClient } from 'redlock';
import { connectIoredis } from './support/ioredis-client.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';

const connectClient = connectIoredis(Redis);
// Its types describe eval with a callback, which ioredis takes too, in types of its own.
const connect = (t: TestContext, pool: AppPool) => connectClient(t, pool) as unknown as CompatibleRedisClient;

forEachPool('redlock', { pools: SHARDED }, appTest => {
  appTest('ten clients, one holder at a time', async (t, pool) => {
    const locks = Array.from({ length: 10 }, () => {
      return new Redlock([connect(t, pool)], { retryCount: -1, retryDelay: 5, retryJitter: 5 });
    });
    let holders = 0;
    let turns = 0;
    await Promise.all(
      locks.flatMap(redlock =>
        ['lock:a', 'lock:a', 'lock:a'].map(async resource => {
          const lock = await redlock.acquire([resource], 30_000);
          assert.equal(++holders, 1);
          turns++;
          await new Promise(setImmediate);
          holders--;
          await lock.unlock();
        }),
      ),
    );
    assert.equal(turns, 30);
  });

  appTest('extended, not given to another, and released only by its holder', async (t, pool) => {
    const [mine, other] = [connect(t, pool), connect(t, pool)].map(
      client => new Redlock([client], { retryCount: 0 }),
    ) as [Redlock, Redlock];
    let lock = await mine.lock('lock:b', 20_000);
    lock = await lock.extend(60_000);
    await assert.rejects(other.lock('lock:b', 20_000), { name: 'LockError' });
    await lock.unlock();
    await assert.rejects(lock.unlock());
    const again = await other.lock('lock:b', 20_000);
    await again.unlock();
  });

  appTest('several resources of one tag', async (t, pool) => {
    const redlock = new Redlock([connect(t, pool)], { retryCount: 0 });
    const lock = await redlock.lock(['lock:{c}:1', 'lock:{c}:2'], 60_000);
    await assert.rejects(redlock.lock('lock:{c}:2', 20_000), { name: 'LockError' });
    await lock.unlock();
    await (await redlock.lock('lock:{c}:2', 20_000)).unlock();
  });
});
