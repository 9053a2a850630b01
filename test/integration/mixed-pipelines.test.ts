// 10,000 mixed commands, pipelined by 50 clients over 3 servers and 2 workers, in pieces of every size; each reply is
// held against what its own request must get.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type Exchange,
  memcachedPipeline,
  type PipelineOptions,
  redisPipeline,
  SHARED_KEYS,
  versionedValue,
} from '../support/expected-pipeline.ts';
import { startMemcachedPool, startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const CLIENTS = 50;
const REQUESTS_PER_CLIENT = 200;
const SPREAD = { servers: 3, workers: 2 } as const;
const TIMEOUT_MS = 30_000;
const BIG_BYTES = 300_000;

function seeded(t: TestContext): SeededRandom {
  const seed = seedFrom('PIPELINES_SEED');
  t.diagnostic(`PIPELINES_SEED=${seed} repeats this run`);
  return new SeededRandom(seed);
}

function optionsOf(client: number): PipelineOptions {
  return { client: `client-${client}`, requests: REQUESTS_PER_CLIENT, bigBytes: BIG_BYTES, bigShare: 0.01 };
}

/** Writes the requests in pieces of random sizes, a turn of the event loop apart. */
async function write(client: RawClient, exchanges: readonly Exchange[], random: SeededRandom): Promise<void> {
  const all = Buffer.concat(exchanges.map(({ request }) => request));
  // Some clients write byte by byte at times, some as fast as they can.
  const sizes = random.pick([[1, 7, 40], [100, 1000, 5000], [20_000, 65_536, 200_000], [all.length]]);
  let small = 0;
  for (let from = 0; from < all.length; ) {
    const size = small++ < 300 ? random.between(1, random.pick(sizes)) : 50_000;
    client.send(all.subarray(from, from + size));
    from += size;
    if (random.chance(0.5)) await new Promise(setImmediate);
  }
}

async function readAndCompare(client: RawClient, exchanges: readonly Exchange[], name: string): Promise<void> {
  for (const [i, { request, reply }] of exchanges.entries()) {
    if (reply.length === 0) continue;
    const got = await client.readUntil(reply.length);
    if (!got.equals(reply)) {
      const asked = JSON.stringify(request.toString('latin1', 0, 200));
      assert.equal(got.toString('latin1', 0, 300), reply.toString('latin1', 0, 300), `${name}, request ${i}: ${asked}`);
      assert.fail(`${name}, request ${i}: replies differ after byte 300: ${asked}`);
    }
  }
  assert.equal(client.unread().length, 0, `${name} got more than it asked for`);
}

async function converseAll(
  pool: { client(options: object): Promise<RawClient> },
  random: SeededRandom,
  make: (random: SeededRandom, options: PipelineOptions) => Exchange[],
): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => pool.client({ timeoutMs: TIMEOUT_MS })));
  // Each client has a random stream of its own: how they take turns changes nothing.
  const streams = clients.map(() => new SeededRandom(random.between(0, 2 ** 32 - 1)));
  await Promise.all(
    clients.map(async (client, i) => {
      const exchanges = make(streams[i]!, optionsOf(i));
      await Promise.all([write(client, exchanges, streams[i]!), readAndCompare(client, exchanges, `client ${i}`)]);
    }),
  );
  for (const client of clients) client.destroy();
}

test('Redis: 10,000 mixed commands of 50 clients get their own replies', { timeout: 120_000 }, async t => {
  const random = seeded(t);
  const pool = await startRedisPool(t, SPREAD);
  const filler = await pool.client();
  await filler.command('MSET', ...SHARED_KEYS.flatMap(key => [key, versionedValue(key, 0)]));
  await converseAll(pool, random, redisPipeline);
  filler.destroy();
});

test('Redis: the same with several connections to each server', { timeout: 120_000 }, async t => {
  const random = seeded(t);
  const pool = await startRedisPool(t, { ...SPREAD, settings: ['server_connections: 3', 'distribution: modula'] });
  const filler = await pool.client();
  await filler.command('MSET', ...SHARED_KEYS.flatMap(key => [key, versionedValue(key, 0)]));
  await converseAll(pool, random, redisPipeline);
  filler.destroy();
});

test('Redis: the same with the narrowest bounds on what a client may have pending', { timeout: 120_000 }, async t => {
  const random = seeded(t);
  const pool = await startRedisPool(t, { ...SPREAD, settings: ['max_pipeline: 2', 'client_buffer: 128kb'] });
  const filler = await pool.client();
  await filler.command('MSET', ...SHARED_KEYS.flatMap(key => [key, versionedValue(key, 0)]));
  await converseAll(pool, random, redisPipeline);
  filler.destroy();
});

test('memcached: 10,000 mixed commands of 50 clients get their own replies', { timeout: 120_000 }, async t => {
  const random = seeded(t);
  const pool = await startMemcachedPool(t, { ...SPREAD, memcached: { memoryMiB: 512 } });
  const filler = await pool.client();
  for (const key of SHARED_KEYS) {
    filler.send(`set ${key} 7 0 ${versionedValue(key, 0).length}\r\n${versionedValue(key, 0)}\r\n`);
    await filler.readLine();
  }
  await converseAll(pool, random, memcachedPipeline);
  filler.destroy();
});
