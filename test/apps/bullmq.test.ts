// BullMQ: workers that sleep in a blocking pop, retries, delays, flows, schedulers, a worker that is killed at work.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { FlowProducer, type Job, Queue, QueueEvents, Worker } from 'bullmq';
import { waitFor } from '../support/wait-for.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';
import { startProgram } from './support/program.ts';

// All keys of a queue are one tag's, as BullMQ asks for on a cluster; its scripts touch many of them at once.
const PREFIX = '{bull}';
const WAIT_MS = 20_000;

interface Shop {
  readonly queue: Queue;
  readonly events: QueueEvents;
  work(processor: (job: Job) => Promise<unknown>): Worker;
}

async function open(t: TestContext, pool: AppPool): Promise<Shop> {
  const { host, port } = pool;
  const options = { connection: { host, port, maxRetriesPerRequest: null }, prefix: PREFIX };
  const queue = new Queue('mail', options);
  // From the first one on: by default those are missed that come before it waits, on a connection that is still being made.
  const events = new QueueEvents('mail', { ...options, lastEventId: '0' });
  const all: { close(): Promise<void>; disconnect(): Promise<void> }[] = [queue, events];
  const errors: string[] = [];
  const take = (error: Error) => void errors.push(String(error));
  queue.on('error', take);
  events.on('error', take);
  t.after(async () => {
    await Promise.all(all.map(each => each.close()));
    assert.deepEqual(errors, []);
  });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  return {
    queue,
    events,
    work(processor) {
      const worker = new Worker('mail', processor, { ...options, lockDuration: 2000, stalledInterval: 500 });
      worker.on('error', take);
      all.unshift(worker);
      return worker;
    },
  };
}

forEachPool('bullmq', { pools: SHARDED }, appTest => {
  appTest('jobs of before and after the worker started', async (t, pool) => {
    const { queue, events, work } = await open(t, pool);
    const before = await queue.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: 'double', data: { i } })));
    work(async job => job.data.i * 2);
    const results = await Promise.all(before.map(job => job.waitUntilFinished(events, WAIT_MS)));
    assert.deepEqual(
      results,
      before.map(({ data }) => data.i * 2),
    );
    // Now the worker sleeps: each of these has to wake it.
    for (let i = 100; i < 103; i++) {
      const job = await queue.add('double', { i });
      assert.equal(await job.waitUntilFinished(events, WAIT_MS), i * 2);
    }
    assert.equal(await queue.getCompletedCount(), 23);
    assert.deepEqual(await queue.getJobCounts('wait', 'active', 'failed'), { wait: 0, active: 0, failed: 0 });
  });

  appTest('retries: twice in vain, then done; or failed for good', async (t, pool) => {
    const { queue, events, work } = await open(t, pool);
    work(async job => {
      if (job.attemptsMade < job.data.fails) throw new Error(`attempt ${job.attemptsMade}`);
      return job.attemptsMade;
    });
    const flaky = await queue.add('flaky', { fails: 2 }, { attempts: 3, backoff: { type: 'fixed', delay: 50 } });
    const hopeless = await queue.add('hopeless', { fails: 9 }, { attempts: 2 });
    assert.equal(await flaky.waitUntilFinished(events, WAIT_MS), 2);
    await assert.rejects(hopeless.waitUntilFinished(events, WAIT_MS), /attempt 1/);
    assert.deepEqual(
      (await queue.getFailed()).map(({ id }) => id),
      [hopeless.id],
    );
  });

  appTest('delayed jobs run in the order of their times, and not before', async (t, pool) => {
    const { queue, events, work } = await open(t, pool);
    let order: string[] = [];
    work(async job => {
      assert.ok(Date.now() >= job.timestamp + job.opts.delay!, 'not before its time');
      order.push(job.name);
    });
    const areInTime = async () => {
      order = [];
      const late = await queue.add('late', {}, { delay: 600 });
      const early = await queue.add('early', {}, { delay: 200 });
      // Else this process was held up, and the first was due before the second, or before that was there.
      const isInTime = early.timestamp < late.timestamp + 400 && Date.now() < late.timestamp + 600;
      await Promise.all([late, early].map(job => job.waitUntilFinished(events, WAIT_MS)));
      return isInTime;
    };
    await waitFor(areInTime, { what: 'both jobs to be there in time' });
    assert.deepEqual(order, ['early', 'late']);
  });

  appTest('the urgent first', async (t, pool) => {
    const { queue, events, work } = await open(t, pool);
    const jobs = [];
    for (const priority of [3, 1, 2]) jobs.push(await queue.add(`p${priority}`, {}, { priority }));
    const order: string[] = [];
    work(async job => void order.push(job.name));
    await Promise.all(jobs.map(job => job.waitUntilFinished(events, WAIT_MS)));
    assert.deepEqual(order, ['p1', 'p2', 'p3']);
  });

  appTest('a flow: the parent after its children', async (t, pool) => {
    const { events, work } = await open(t, pool);
    const { host, port } = pool;
    const flows = new FlowProducer({ connection: { host, port }, prefix: PREFIX });
    t.after(() => flows.close());
    work(async job => (job.name === 'sum' ? Object.values(await job.getChildrenValues()).sort() : job.data.i));
    const { job } = await flows.add({
      name: 'sum',
      queueName: 'mail',
      children: [1, 2, 3].map(i => ({ name: 'part', queueName: 'mail', data: { i } })),
    });
    assert.deepEqual(await job.waitUntilFinished(events, WAIT_MS), [1, 2, 3]);
  });

  appTest('a scheduler repeats until it is removed', async (t, pool) => {
    const { queue, work } = await open(t, pool);
    let runs = 0;
    work(async () => void runs++);
    await queue.upsertJobScheduler('tick', { every: 100 }, { name: 'tick' });
    await waitFor(() => runs >= 3, { what: 'three runs' });
    assert.equal(await queue.removeJobScheduler('tick'), true);
    assert.equal(await queue.getJobSchedulersCount(), 0);
  });

  appTest('a worker is killed at work: another does its job', async (t, pool) => {
    const { queue, events, work } = await open(t, pool);
    const killed = startProgram(t, 'node', 'bullmq', ['hanging-worker.ts', String(pool.port), PREFIX]);
    const jobs = await queue.addBulk([1, 2, 3].map(i => ({ name: 'double', data: { i } })));
    await killed.until(() => killed.stdout().includes('at work'), 'the worker at work');
    await killed.kill();
    let runs = 0;
    work(async job => {
      runs++;
      return job.data.i * 2;
    });
    const results = await Promise.all(jobs.map(job => job.waitUntilFinished(events, WAIT_MS)));
    assert.deepEqual([results, runs], [[2, 4, 6], 3]);
  });
});
