// rate-limiter-flexible: points are counted exactly by many clients at once, with both client libraries.
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import { connectIoredis } from './support/ioredis-client.ts';
import { connectNodeRedis } from './support/node-redis-client.ts';
import { forEachPool, SHARDED } from './support/pools.ts';

const connect = connectIoredis(Redis);

/** Consumes a point `times` times for each key; resolves with how often each was allowed. */
async function allowed(
  limiters: readonly RateLimiterRedis[],
  keys: readonly string[],
  times: number,
): Promise<number[]> {
  return Promise.all(
    keys.map(async key => {
      const attempts = Array.from({ length: times }, (_, i) => limiters[i % limiters.length]!.consume(key));
      const outcomes = await Promise.allSettled(attempts);
      for (const outcome of outcomes) {
        // A limiter that is out of points rejects with the state; anything else is a fault.
        if (outcome.status === 'rejected')
          assert.ok((outcome.reason as RateLimiterRes).msBeforeNext > 0, outcome.reason);
      }
      return outcomes.filter(({ status }) => status === 'fulfilled').length;
    }),
  );
}

const KEYS = Array.from({ length: 20 }, (_, i) => `user-${i}`);

forEachPool('rate-limiter-flexible', { pools: SHARDED }, (appTest, name) => {
  // ioredis sends a script to one server, and what it pipelines to the others is told that they have none.
  for (const rejectIfRedisNotReady of name === 'three servers' ? [] : [true, false]) {
    appTest(`ioredis, not ready ${rejectIfRedisNotReady ? 'rejects' : 'waits'}: ten of thirty`, async (t, pool) => {
      const clients = [connect(t, pool), connect(t, pool)];
      await Promise.all(clients.map(client => client.ping()));
      const limiters = clients.map(
        storeClient => new RateLimiterRedis({ storeClient, points: 10, duration: 60, rejectIfRedisNotReady }),
      );
      assert.deepEqual(
        await allowed(limiters, KEYS, 30),
        KEYS.map(() => 10),
      );
      assert.equal((await limiters[0]!.get('user-3'))!.consumedPoints, 30);
      assert.equal(await limiters[0]!.delete('user-3'), true);
      assert.equal(await limiters[1]!.get('user-3'), null);
    });
  }

  appTest('node-redis: blocked for longer than the window', async (t, pool) => {
    const storeClient = await connectNodeRedis(t, pool);
    const limiter = new RateLimiterRedis({
      storeClient,
      useRedisPackage: true,
      points: 2,
      duration: 10,
      blockDuration: 600,
    });
    assert.deepEqual(await allowed([limiter], ['k'], 5), [2]);
    assert.ok((await limiter.get('k'))!.msBeforeNext > 500_000);
    await limiter.penalty('other', 2);
    await assert.rejects(limiter.consume('other'), ({ consumedPoints }: RateLimiterRes) => consumedPoints === 3);
  });
});
