// redis-py: its default pipeline, which is a transaction, watch, Pub/Sub, scan_iter, locks, blocking pops, databases.
import { forEachPool, SHARDED } from './support/pools.ts';
import { runProgram } from './support/program.ts';

const SCENARIOS = {
  transactional_pipeline: 'the default pipeline is a transaction',
  plain_pipeline: 'a pipeline without a transaction',
  fault_in_pipeline: 'a fault in a transaction is raised and the rest was done',
  watch: 'watch: ten threads count without loss',
  pubsub: 'pub/sub: channels and patterns',
  scan_iter: 'scan_iter finds every key',
  lock: 'a lock has one holder at a time',
  blocking_pop: 'a blocking pop gets what is pushed later',
} as const;

forEachPool('redis-py', { pools: SHARDED }, appTest => {
  for (const [scenario, behaviour] of Object.entries(SCENARIOS)) {
    appTest(behaviour, (t, pool) => runProgram(t, 'python', 'redis-py', ['scenarios.py', String(pool.port), scenario]));
  }
});

forEachPool('redis-py', { pools: SHARDED, settings: ['databases: 16'] }, appTest => {
  appTest('db=1 is apart from db=0', (t, pool) =>
    runProgram(t, 'python', 'redis-py', ['scenarios.py', String(pool.port), 'databases']),
  );
});

forEachPool('redis-py', { pools: ['one server', 'three servers'], settings: ['present_as: cluster'] }, appTest => {
  appTest('cluster mode', (t, pool) =>
    runProgram(t, 'python', 'redis-py', ['scenarios.py', String(pool.port), 'cluster_mode']),
  );
});
