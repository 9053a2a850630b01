// node-resque: queues, workers, a scheduler with its leader's lock, retries by plugin, a worker that is killed at work.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Plugins, Queue, Scheduler, Worker } from 'node-resque';
import { waitFor } from '../support/wait-for.ts';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';
import { startProgram } from './support/program.ts';

const NAMESPACE = '{resque}';

interface Shop {
  readonly queue: Queue;
  /** What jobs have done, in order. */
  readonly log: string[];
  work(): Promise<Worker>;
  schedule(): Promise<Scheduler>;
}

async function open(t: TestContext, pool: AppPool): Promise<Shop> {
  const connection = { pkg: 'ioredis', host: pool.host, port: pool.port, namespace: NAMESPACE, database: 0 };
  const log: string[] = [];
  const attempts = new Map<string, number>();
  const jobs = {
    note: { perform: async (text: string) => void log.push(text) },
    flaky: {
      plugins: [Plugins.Retry],
      pluginOptions: { Retry: { retryLimit: 3, retryDelay: 100 } },
      perform: async (name: string, fails: number) => {
        const attempt = (attempts.get(name) ?? 0) + 1;
        attempts.set(name, attempt);
        if (attempt <= fails) throw new Error(`attempt ${attempt}`);
        log.push(`${name} ${attempt}`);
      },
    },
  };
  const errors: string[] = [];
  const queue = new Queue({ connection }, jobs as never);
  queue.on('error', error => errors.push(String(error)));
  await queue.connect();
  const ends: (() => Promise<unknown>)[] = [() => queue.end()];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
    assert.deepEqual(errors, []);
  });
  return {
    queue,
    log,
    async work() {
      const worker = new Worker(
        { connection, queues: ['mail'], timeout: 20, name: `worker-${ends.length}` },
        jobs as never,
      );
      worker.on('error', error => errors.push(String(error)));
      await worker.connect();
      ends.push(() => worker.end());
      void worker.start();
      return worker;
    },
    async schedule() {
      const scheduler = new Scheduler({
        connection,
        name: `scheduler-${ends.length}`,
        timeout: 50,
        stuckWorkerTimeout: 1000,
        retryStuckJobs: true,
      });
      scheduler.on('error', error => errors.push(String(error)));
      await scheduler.connect();
      ends.push(() => scheduler.end());
      void scheduler.start();
      return scheduler;
    },
  };
}

forEachPool('node-resque', { pools: SHARDED }, appTest => {
  appTest('jobs of before and after the worker started', async (t, pool) => {
    const { queue, log, work } = await open(t, pool);
    for (let i = 0; i < 10; i++) await queue.enqueue('mail', 'note', [`job ${i}`]);
    assert.equal(await queue.length('mail'), 10);
    await work();
    await waitFor(() => log.length === 10, { what: 'ten jobs' });
    await queue.enqueue('mail', 'note', ['later']);
    await waitFor(() => log.length === 11, { what: 'one more' });
    assert.deepEqual(log, [...Array.from({ length: 10 }, (_, i) => `job ${i}`), 'later']);
    await waitFor(async () => (await queue.stats()).processed === '11', { what: 'the count of what was processed' });
  });

  appTest('delayed jobs are moved by the one scheduler that leads', async (t, pool) => {
    const { queue, log, work, schedule } = await open(t, pool);
    const schedulers = [await schedule(), await schedule()];
    await work();
    const areInTime = async () => {
      log.length = 0;
      const startedAtMs = Date.now();
      await queue.enqueueIn(2000, 'mail', 'note', ['late']);
      await queue.enqueueIn(1000, 'mail', 'note', ['early']);
      const { length } = await queue.timestamps();
      // Else this process was held up, and the first may be due before the second. Their times are whole seconds.
      const isInTime = Date.now() < startedAtMs + 400;
      if (isInTime) assert.equal(length, 2);
      await waitFor(() => log.length === 2, { what: 'both jobs' });
      return isInTime;
    };
    await waitFor(areInTime, { what: 'both jobs to be there in time' });
    assert.deepEqual(log, ['early', 'late']);
    assert.equal(schedulers.filter(({ leader }) => leader).length, 1);
  });

  appTest('retries: twice in vain, then done; or failed for good', async (t, pool) => {
    const { queue, log, work, schedule } = await open(t, pool);
    await schedule();
    await work();
    await queue.enqueue('mail', 'flaky', ['a', 2]);
    await queue.enqueue('mail', 'flaky', ['b', 9]);
    await waitFor(async () => log.length === 1 && (await queue.failedCount()) === 1, {
      what: 'a result and a failure',
      timeoutMs: 20_000,
    });
    assert.deepEqual(log, ['a 3']);
    assert.equal((await queue.failed(0, -1))[0]!.payload.args[0], 'b');
  });

  appTest('a worker is killed at work: the scheduler gives its job to another', async (t, pool) => {
    const { queue, log, work, schedule } = await open(t, pool);
    const killed = startProgram(t, 'node', 'node-resque', ['hanging-worker.ts', String(pool.port), NAMESPACE]);
    await queue.enqueue('mail', 'note', ['rescued']);
    await killed.until(() => killed.stdout().includes('at work'), 'the worker at work');
    await killed.kill();
    await work();
    await schedule();
    await waitFor(() => log.length === 1, { what: 'the job', timeoutMs: 20_000 });
    assert.deepEqual(log, ['rescued']);
  });
});
