// The kernel spreads connections over the sockets of the workers by a hash of their addresses and ports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';

const WORKERS = 4;
const CLIENTS = 1000;

test('of 1,000 connections over 4 workers, none has more than twice its share', async t => {
  const server = await startFakeBackend(() => {});
  t.after(() => server.close());
  const pools = { pool: { protocol: 'redis', servers: [server.port] } } as const;
  const daemon = await startDaemon(t, pools, { workers: WORKERS });
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  while (clients.length < CLIENTS) {
    clients.push(...(await Promise.all(Array.from({ length: 100 }, () => daemon.client('pool')))));
  }
  await daemon.untilMetric('ringmaster_worker_client_connections', {}, CLIENTS);
  const shares: number[] = [];
  for (let worker = 0; worker < WORKERS; worker++) {
    shares.push(await daemon.metric('ringmaster_worker_client_connections', { worker: String(worker) }));
  }
  t.diagnostic(`by worker: ${shares.join(', ')}`);
  assert.ok(Math.max(...shares) <= (2 * CLIENTS) / WORKERS, `by worker: ${shares.join(', ')}`);
  assert.ok(Math.min(...shares) > 0);
});
