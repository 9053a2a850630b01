// Limits of users: from signing in on, each has its own, whatever connection and worker; Redis and memcached.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const wire = (...lines: readonly string[]) => Buffer.concat(lines.map(line => encodeCommand(...line.split(' '))));
const TEXT = 'over a limit for this client, its user or its pool: try again later\r\n';

const users = (pool: string) => [
  'users:',
  `  slow: { pools: [${pool}], passwords: [one], limits: { requests: 3/24h, burst: 24h } }`,
  `  curt: { pools: [${pool}], passwords: [two], limits: { commands: ['@write 1/24h'], over: error } }`,
  `  free: { pools: [${pool}], passwords: [three] }`,
];

test('a user has its limits from signing in on, over all its connections; others have theirs', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const pool = { protocol: 'redis', servers: [server.port] } as const;
  const daemon = await startDaemon(t, { red: pool }, { workers: 2, settings: users('red') });
  const client = async (...lines: readonly string[]) => {
    const one = await daemon.client('red', { timeoutMs: 20_000 });
    t.after(() => one.destroy());
    one.send(wire(...lines));
    return one;
  };
  // Signing in is the last request that is nobody's: the three are GETs, in whichever connections and workers.
  const slow = await Promise.all(
    [1, 2, 3, 4].map(() => client('AUTH slow one', ...Array.from({ length: 4 }, () => 'GET a'))),
  );
  for (const one of slow) assert.equal(String(await one.readReply()), '+OK\r\n');
  const gets = async () => {
    const stats = String(await server.command('INFO', 'commandstats'));
    return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  // What one worker has and does not need has to reach the other.
  await waitFor(async () => (await gets()) >= 3, { what: 'the burst', timeoutMs: 30_000 });
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'red' }, 4);
  assert.equal(await gets(), 3);

  const curt = await client(
    'AUTH curt two',
    'SET a 1',
    'SET a 2',
    'GET a',
    'AUTH free three',
    'SET a 3',
    'AUTH slow one',
    'GET a',
  );
  assert.deepEqual((await curt.readReplies(7)).map(String), [
    '+OK\r\n',
    '+OK\r\n',
    `-ERR ${TEXT}`,
    '$1\r\n1\r\n',
    '+OK\r\n',
    '+OK\r\n',
    '+OK\r\n',
  ]);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'red' }, 5);

  const { ringmaster } = daemon;
  const { readFileSync } = await import('node:fs');
  ringmaster.writeConfig(readFileSync(ringmaster.configFile, 'utf8').replace('requests: 3/24h', 'requests: 1000/s'));
  ringmaster.signal('SIGHUP');
  assert.equal(String(await curt.readReply()), '$1\r\n3\r\n');
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'red' }, 0);
});

test('users of memcached likewise', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const daemon = await startDaemon(
    t,
    { cache: { protocol: 'memcached', servers: [server.port] } },
    { workers: 1, settings: users('cache') },
  );
  const one = await daemon.client('cache');
  t.after(() => one.destroy());
  const expected = `STORED\r\nSTORED\r\nSERVER_ERROR ${TEXT}`;
  one.send('set x 0 0 8\r\ncurt two\r\nset a 0 0 1\r\n1\r\nset a 0 0 1\r\n2\r\n');
  assert.equal(String(await one.readUntil(expected.length)), expected);
});
