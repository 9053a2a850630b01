// Bull: workers that sleep in BRPOPLPUSH, retries, delays, repeated jobs, a worker that is killed at work.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import Queue from 'bull';
import { waitFor, within } from '../support/wait-for.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';
import { startProgram } from './support/program.ts';

const PREFIX = '{bull}';
const WAIT_MS = 20_000;

function open(t: TestContext, pool: AppPool): Queue.Queue {
  const { host, port } = pool;
  const queue = new Queue('mail', {
    redis: { host, port },
    prefix: PREFIX,
    settings: { lockDuration: 2000, stalledInterval: 500 },
  });
  const errors: string[] = [];
  queue.on('error', error => errors.push(String(error)));
  t.after(async () => {
    await queue.close(true);
    assert.deepEqual(errors, []);
  });
  return queue;
}

/** Resolves with the job's result. */
const finished = (job: Queue.Job) => within(job.finished(), { what: `the end of job ${job.id}`, timeoutMs: WAIT_MS });

forEachPool('bull', { pools: SHARDED }, appTest => {
  appTest('jobs of before and after the worker started', async (t, pool) => {
    const [producer, consumer] = [open(t, pool), open(t, pool)];
    const before = await producer.addBulk(Array.from({ length: 20 }, (_, i) => ({ data: { i } })));
    void consumer.process(async job => job.data.i * 2);
    assert.deepEqual(
      await Promise.all(before.map(finished)),
      before.map(({ data }) => data.i * 2),
    );
    for (let i = 100; i < 103; i++) assert.equal(await finished(await producer.add({ i })), i * 2);
    assert.equal(await producer.getCompletedCount(), 23);
  });

  appTest('retries: twice in vain, then done; or failed for good', async (t, pool) => {
    const [producer, consumer] = [open(t, pool), open(t, pool)];
    void consumer.process(async job => {
      if (job.attemptsMade < job.data.fails) throw new Error(`attempt ${job.attemptsMade}`);
      return job.attemptsMade;
    });
    const flaky = await producer.add({ fails: 2 }, { attempts: 3, backoff: 50 });
    const hopeless = await producer.add({ fails: 9 }, { attempts: 2 });
    assert.equal(await finished(flaky), 2);
    await assert.rejects(finished(hopeless), /attempt 1/);
    assert.equal(await producer.getFailedCount(), 1);
  });

  appTest('delayed jobs run in the order of their times, and not before', async (t, pool) => {
    const [producer, consumer] = [open(t, pool), open(t, pool)];
    let order: string[] = [];
    void consumer.process(async job => {
      assert.ok(Date.now() >= job.timestamp + job.opts.delay!, 'not before its time');
      order.push(job.data.name);
    });
    const areInTime = async () => {
      order = [];
      const late = await producer.add({ name: 'late' }, { delay: 600 });
      const early = await producer.add({ name: 'early' }, { delay: 200 });
      // Else this process was held up, and the first was due before the second, or before that was there.
      const isInTime = early.timestamp < late.timestamp + 400 && Date.now() < late.timestamp + 600;
      await Promise.all([late, early].map(finished));
      return isInTime;
    };
    await waitFor(areInTime, { what: 'both jobs to be there in time' });
    assert.deepEqual(order, ['early', 'late']);
  });

  appTest('a repeated job, until it is removed', async (t, pool) => {
    const [producer, consumer] = [open(t, pool), open(t, pool)];
    let runs = 0;
    void consumer.process(async () => void runs++);
    await producer.add({}, { repeat: { every: 100 } });
    await waitFor(() => runs >= 3, { what: 'three runs' });
    await producer.removeRepeatable({ every: 100 });
    assert.deepEqual(await producer.getRepeatableJobs(), []);
  });

  appTest('paused everywhere, and resumed', async (t, pool) => {
    const [producer, consumer] = [open(t, pool), open(t, pool)];
    void consumer.process(async () => 'done');
    assert.equal(await finished(await producer.add({})), 'done');
    await producer.pause();
    const job = await producer.add({});
    assert.equal(await producer.getPausedCount(), 1);
    assert.equal(await producer.isPaused(), true);
    await producer.resume();
    assert.equal(await finished(job), 'done');
  });

  appTest('a worker is killed at work: another does its job', async (t, pool) => {
    const [producer, consumer] = [open(t, pool), open(t, pool)];
    const killed = startProgram(t, 'node', 'bull', ['hanging-worker.ts', String(pool.port), PREFIX]);
    const jobs = await producer.addBulk([1, 2, 3].map(i => ({ data: { i } })));
    await killed.until(() => killed.stdout().includes('at work'), 'the worker at work');
    await killed.kill();
    let runs = 0;
    void consumer.process(async job => {
      runs++;
      return job.data.i * 2;
    });
    assert.deepEqual([await Promise.all(jobs.map(finished)), runs], [[2, 4, 6], 3]);
  });
});
