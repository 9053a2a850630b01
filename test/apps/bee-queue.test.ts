// Bee-Queue: BRPOPLPUSH, results over Pub/Sub, retries, delayed jobs, a worker that is killed at work.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import BeeQueue from 'bee-queue';
import { waitFor, within } from '../support/wait-for.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';
import { startProgram } from './support/program.ts';

const PREFIX = '{bq}';
const WAIT_MS = 20_000;

interface Data {
  readonly i: number;
  readonly fails?: number | undefined;
}

async function open(t: TestContext, pool: AppPool, settings: BeeQueue.QueueSettings = {}): Promise<BeeQueue<Data>> {
  const { host, port } = pool;
  const queue = new BeeQueue<Data>('mail', {
    prefix: PREFIX,
    redis: { host, port },
    stallInterval: 1000,
    nearTermWindow: 2000,
    delayedDebounce: 20,
    ...settings,
  });
  const errors: string[] = [];
  queue.on('error', error => errors.push(String(error)));
  t.after(async () => {
    await queue.close(1000);
    assert.deepEqual(errors, []);
  });
  await within(queue.ready(), { what: 'the queue to be ready' });
  return queue;
}

/** Resolves with its result when a worker has done it, rejects when it has failed. */
function ended(job: BeeQueue.Job<Data>): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  job.on('succeeded', resolve);
  job.on('failed', reject);
  return within(promise, { what: `the end of job ${job.id}`, timeoutMs: WAIT_MS });
}

/** Saves the job, and then as `ended`. */
async function done(job: BeeQueue.Job<Data>): Promise<unknown> {
  const end = ended(job);
  await job.save();
  return end;
}

forEachPool('bee-queue', { pools: SHARDED }, appTest => {
  appTest('jobs of before and after the worker started', async (t, pool) => {
    const producer = await open(t, pool, { isWorker: false });
    const before = Array.from({ length: 20 }, (_, i) => done(producer.createJob({ i })));
    const consumer = await open(t, pool);
    consumer.process(4, async ({ data }: BeeQueue.Job<Data>) => data.i * 2);
    assert.deepEqual(
      await Promise.all(before),
      Array.from({ length: 20 }, (_, i) => i * 2),
    );
    for (let i = 100; i < 103; i++) assert.equal(await done(producer.createJob({ i })), i * 2);
    const { waiting, active, succeeded, failed } = await producer.checkHealth();
    assert.deepEqual([waiting, active, succeeded, failed], [0, 0, 23, 0]);
  });

  appTest('retries: twice in vain, then done; or failed for good', async (t, pool) => {
    const [producer, consumer] = [
      await open(t, pool, { isWorker: false }),
      await open(t, pool, { activateDelayedJobs: true }),
    ];
    const attempts = new Map<string, number>();
    consumer.process(async ({ id, data }: BeeQueue.Job<Data>) => {
      const attempt = (attempts.get(id) ?? 0) + 1;
      attempts.set(id, attempt);
      if (attempt <= data.fails!) throw new Error(`attempt ${attempt}`);
      return attempt;
    });
    const flaky = producer.createJob<Data>({ i: 0, fails: 2 }).retries(2).backoff('fixed', 50);
    assert.equal(await done(flaky), 3);
    await assert.rejects(done(producer.createJob<Data>({ i: 1, fails: 9 }).retries(1)), /attempt 2/);
  });

  appTest('delayed jobs run in the order of their times, and not before', async (t, pool) => {
    const producer = await open(t, pool, { isWorker: false });
    const consumer = await open(t, pool, { activateDelayedJobs: true });
    let order: number[] = [];
    let dueAt: number[] = [];
    consumer.process(async ({ data }: BeeQueue.Job<Data>) => {
      assert.ok(Date.now() >= dueAt[data.i]!, 'not before its time');
      order.push(data.i);
    });
    const areInTime = async () => {
      order = [];
      dueAt = [Date.now() + 200, Date.now() + 600];
      const jobs = [1, 0].map(i => producer.createJob({ i }).delayUntil(dueAt[i]!));
      const ends = jobs.map(ended);
      await Promise.all(jobs.map(job => job.save()));
      // Else this process was held up, and they were due before both were there.
      const isInTime = Date.now() < dueAt[0]!;
      await Promise.all(ends);
      return isInTime;
    };
    await waitFor(areInTime, { what: 'both jobs to be there in time' });
    assert.deepEqual(order, [0, 1]);
  });

  appTest('many jobs saved at once', async (t, pool) => {
    const [producer, consumer] = [await open(t, pool, { isWorker: false }), await open(t, pool)];
    const seen = new Set<number>();
    const all = Promise.withResolvers<void>();
    consumer.process(10, async ({ data }: BeeQueue.Job<Data>) => {
      seen.add(data.i);
      if (seen.size === 100) all.resolve();
    });
    const jobs = Array.from({ length: 100 }, (_, i) => producer.createJob({ i }));
    assert.equal((await producer.saveAll(jobs)).size, 0);
    await within(all.promise, { what: 'a hundred jobs' });
  });

  appTest('a worker is killed at work: another does its job', async (t, pool) => {
    const producer = await open(t, pool, { isWorker: false });
    const killed = startProgram(t, 'node', 'bee-queue', ['hanging-worker.ts', String(pool.port), PREFIX]);
    const results = [1, 2, 3].map(i => done(producer.createJob({ i })));
    await killed.until(() => killed.stdout().includes('at work'), 'the worker at work');
    await killed.kill();
    const consumer = await open(t, pool);
    let runs = 0;
    consumer.process(async ({ data }: BeeQueue.Job<Data>) => {
      runs++;
      return data.i * 2;
    });
    // A job counts as stalled when it was not heard of between two checks.
    await consumer.checkStalledJobs(300);
    assert.deepEqual([await Promise.all(results), runs], [[2, 4, 6], 3]);
  });
});
