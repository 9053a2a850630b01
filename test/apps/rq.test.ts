// RQ. Its keys have no prefix that could be a tag, so it needs a pool of one server.
import { type AppPool, forEachPool, UNSHARDED } from './support/pools.ts';
import { runProgram } from './support/program.ts';

type Test = Parameters<typeof runProgram>[0];

const scenario = (name: string) => (t: Test, pool: AppPool) =>
  runProgram(t, 'python', 'rq', ['scenarios.py', name], { REDIS_URL: pool.url });

forEachPool('rq', { pools: UNSHARDED }, appTest => {
  appTest('jobs of before and after the worker started, each done once', scenario('work'));
  appTest('retries, failures and jobs that wait for others', scenario('retries_and_dependencies'));
  appTest('a scheduled job is not done before its time', scenario('scheduled'));
  appTest('a work horse is killed at work: the job is tried again', scenario('killed_horse'));
});
