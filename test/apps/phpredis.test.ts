// phpredis: PHP's sessions with locking, and the client's transactions, pipelines and scans.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type AppPool, forEachPool, SHARDED } from './support/pools.ts';
import { runProgram, startProgram } from './support/program.ts';

function sessionSettings(pool: AppPool): string[] {
  const settings = {
    'session.save_handler': 'redis',
    'session.save_path': `tcp://${pool.host}:${pool.port}?prefix=SHOP:`,
    'redis.session.locking_enabled': 1,
    'redis.session.lock_expire': 30,
    'redis.session.lock_wait_time': 2000,
    'redis.session.lock_retries': 5000,
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-d', `${key}="${value}"`]);
}

/** Counts in a session so many times, in a process of its own; the last count is its output. */
async function count(t: TestContext, pool: AppPool, session: string, times: number): Promise<number> {
  const args = [...sessionSettings(pool), 'count-in-session.php', session, String(times)];
  const child = startProgram(t, 'php', 'phpredis', args);
  const { code } = await child.exit(40_000);
  assert.equal(code, 0, child.diagnosis());
  assert.equal(child.stderr(), '');
  return Number(child.stdout());
}

forEachPool('phpredis', { pools: SHARDED }, appTest => {
  appTest('a session is locked: six processes count in it without loss', async (t, pool) => {
    const counts = await Promise.all(Array.from({ length: 6 }, () => count(t, pool, 'shared', 15)));
    assert.equal(Math.max(...counts), 90);
  });

  appTest('sessions are apart', async (t, pool) => {
    assert.deepEqual(await Promise.all(['one', 'two', 'three'].map(id => count(t, pool, id, 5))), [5, 5, 5]);
    const keys = await Promise.all(pool.servers.map(server => server.command('KEYS', '*')));
    assert.deepEqual(keys.flat().map(String).sort(), ['SHOP:one', 'SHOP:three', 'SHOP:two'], 'and no lock is left');
  });

  for (const [scenario, behaviour] of [
    ['transaction', 'multi and exec'],
    ['pipeline', 'pipeline'],
    ['scan', 'scan finds every key'],
    ['blocking', 'a blocking pop'],
  ] as const) {
    appTest(behaviour, (t, pool) => runProgram(t, 'php', 'phpredis', ['scenarios.php', String(pool.port), scenario]));
  }
});
