// Sidekiq. Its keys have no prefix that could be a tag, so it needs a pool of one server.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Child } from '../support/child.ts';
import { waitFor } from '../support/wait-for.ts';
import { type AppPool, forEachPool, UNSHARDED } from './support/pools.ts';
import { runProgram, startProgram } from './support/program.ts';

const enqueue = (t: TestContext, pool: AppPool, ...args: string[]) =>
  runProgram(t, 'ruby', 'sidekiq', ['enqueue.rb', ...args], { REDIS_URL: pool.url });

function startWorker(t: TestContext, pool: AppPool, variables: NodeJS.ProcessEnv = {}, threads = 2): Child {
  const args = ['-S', 'sidekiq', '-r', './jobs.rb', '-c', String(threads), '-t', '1', '-e', 'production'];
  return startProgram(t, 'ruby', 'sidekiq', args, { REDIS_URL: pool.url, ...variables });
}

/** What jobs have left on the server, once there is so much of it. */
const done = (pool: AppPool, count: number) =>
  waitFor(
    async () => {
      const entries = (await pool.servers[0]!.command('LRANGE', 'done', 0, -1)) as Buffer[];
      return entries.length >= count && entries.map(String);
    },
    { what: `${count} jobs to be done`, timeoutMs: 40_000, everyMs: 20 },
  );

forEachPool('sidekiq', { pools: UNSHARDED }, appTest => {
  appTest('jobs of before and after the worker started', async (t, pool) => {
    await enqueue(t, pool, 'note', 'one', 'two', 'three');
    startWorker(t, pool);
    assert.deepEqual((await done(pool, 3)).sort(), ['one', 'three', 'two']);
    await enqueue(t, pool, 'note', 'four');
    assert.equal((await done(pool, 4)).at(-1), 'four');
  });

  appTest('retries, scheduled jobs and bulk pushes', async (t, pool) => {
    startWorker(t, pool);
    await enqueue(t, pool, 'later', 'scheduled');
    await enqueue(t, pool, 'flaky', 'flaky');
    await enqueue(t, pool, 'bulk', 'x', 'y', 'z');
    await enqueue(t, pool, 'retry-now');
    assert.deepEqual((await done(pool, 5)).sort(), ['flaky after 1', 'scheduled', 'x', 'y', 'z']);
    await waitFor(async () => String(await pool.servers[0]!.command('GET', 'stat:failed')) === '1', {
      what: 'the count of the failure',
      timeoutMs: 20_000,
    });
  });

  appTest('a worker is ended at work: it gives the job back, and another does it', async (t, pool) => {
    // One thread: another, which waits for jobs, may pop what is given back, and be ended with it.
    const first = startWorker(t, pool, { HANG: '1' }, 1);
    await enqueue(t, pool, 'hang', 'rescued');
    await first.until(() => first.stdout().includes('at work'), 'the worker at work', 30_000);
    await first.stop(20_000);
    startWorker(t, pool);
    assert.deepEqual(await done(pool, 1), ['rescued']);
  });
});
