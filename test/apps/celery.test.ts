// Celery: Redis as broker and as result backend.
import { type AppPool, forEachPool, SHARDED, UNSHARDED } from './support/pools.ts';
import { runProgram } from './support/program.ts';

type Test = Parameters<typeof runProgram>[0];

const tryShop = (scenario: string) => (t: Test, pool: AppPool) =>
  runProgram(t, 'python', 'celery', ['scenarios.py', scenario], { REDIS_URL: pool.url });

forEachPool('celery', { pools: SHARDED }, appTest => {
  appTest('tasks of before and after the worker started, retries, countdowns, control', tryShop('work'));
  appTest('a worker is killed at work: another does its task', tryShop('killed_worker'));
});

// What a chord counts lies under two keys that have no common tag.
forEachPool('celery', { pools: UNSHARDED }, appTest => {
  appTest('a chord: its body after its header', tryShop('chord_of_tasks'));
});
