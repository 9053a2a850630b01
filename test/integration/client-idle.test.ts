import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

let redis: RedisServer;

before(async () => {
  redis = await startRedis();
});

after(async () => {
  await redis?.stop();
});

test('client_idle_timeout closes who is silent, also inside a request, and nobody else', async t => {
  const pools = {
    short: { protocol: 'redis', servers: [redis.port], settings: ['client_idle_timeout: 1s'] },
    none: { protocol: 'redis', servers: [redis.port] },
  } as const;
  const daemon = await startDaemon(t, pools, { workers: 1 });
  const silent = await daemon.client('short');
  const halfway = await daemon.client('short');
  halfway.send('*2\r\n$3\r\nGET\r\n$3\r\nab');
  const patient = await daemon.client('none');
  const busy = await daemon.client('short');
  let isOver = false;
  const gone = Promise.all([silent.closed, halfway.closed]).then(() => {
    isOver = true;
  });
  while (!isOver) assert.equal(await busy.command('PING'), 'PONG');
  await gone;
  assert.equal(silent.error, null, 'closed in order');
  assert.equal(await patient.command('PING'), 'PONG');
  await daemon.untilMetric('ringmaster_pool_idle_closes_total', { pool: 'short' }, 2);
});
