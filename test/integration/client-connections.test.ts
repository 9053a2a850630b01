import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 20;

let redis: RedisServer;
let memcached: MemcachedServer;

before(async () => {
  [redis, memcached] = await Promise.all([startRedis(), startMemcached()]);
});

after(async () => {
  await Promise.all([redis?.stop(), memcached?.stop()]);
});

test('client_connections holds over all workers, and a place that is left can be had again', async t => {
  const pools = {
    full: { protocol: 'redis', servers: [redis.port], settings: [`client_connections: ${LIMIT}`] },
  } as const;
  const daemon = await startDaemon(t, pools, { workers: 3 });
  const clients: RawClient[] = [];
  for (let i = 0; i < LIMIT; i++) {
    const client = await daemon.client('full');
    assert.equal(await client.command('PING'), 'PONG');
    clients.push(client);
  }
  for (let i = 0; i < 5; i++) {
    const refused = await daemon.client('full');
    refused.send('PING\r\n');
    assert.equal((await refused.readToEnd()).toString(), '-ERR max number of clients reached\r\n');
  }
  await daemon.untilMetric('ringmaster_pool_clients_turned_away_total', { pool: 'full' }, 5);
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'full' }, LIMIT);

  // Whichever worker the places are in, and whichever the kernel gives the next ones to.
  for (const client of clients.splice(0, 10)) client.destroy();
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'full' }, LIMIT - 10);
  for (let i = 0; i < 10; i++) {
    const client = await daemon.client('full');
    assert.equal(await client.command('PING'), 'PONG');
    clients.push(client);
  }
  for (const client of clients) client.destroy();
});

test('a worker that dies gives its clients places back', async t => {
  const pools = { full: { protocol: 'redis', servers: [redis.port], settings: ['client_connections: 6'] } } as const;
  const daemon = await startDaemon(t, pools, { workers: 2 });
  const clients = await Promise.all(Array.from({ length: 6 }, () => daemon.client('full')));
  for (const client of clients) assert.equal(await client.command('PING'), 'PONG');
  const before = daemon.ringmaster.workerPids();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await Promise.all(clients.map(client => client.closed));
  await waitFor(() => daemon.ringmaster.workerPids().filter(pid => !before.includes(pid)).length === 2, {
    what: 'two new workers',
  });
  for (let i = 0; i < 6; i++) {
    const client = await daemon.client('full');
    assert.equal(await client.command('PING'), 'PONG');
  }
});

test("memcached's clients are told in memcached's words", async t => {
  const pools = {
    full: { protocol: 'memcached', servers: [memcached.port], settings: ['client_connections: 1'] },
  } as const;
  const daemon = await startDaemon(t, pools, { workers: 1 });
  const client = await daemon.client('full');
  client.send('version\r\n');
  await client.readLine();
  const refused = await daemon.client('full');
  assert.equal((await refused.readToEnd()).toString(), 'ERROR Too many open connections\r\n');
  client.send('get nothing\r\n');
  assert.equal((await client.readLine()).toString(), 'END\r\n');
});
