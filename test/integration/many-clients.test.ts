// Two thousand clients at once, over two workers: everybody is served, and each reads its own answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startMemcachedPool, startRedisPool } from '../support/pool-under-test.ts';
import { RawClient } from '../support/raw-client.ts';

const CLIENTS = 2000;
const ROUNDS = 3;
/** Connections begun at a time: the kernel holds this many for each worker until they are accepted. */
const CONNECTING = 200;
/** Of the test process: its sockets and some spare. The daemon's workers have half of the clients each. */
const FILES_NEEDED = CLIENTS + 200;
const TIMEOUT_MS = 30_000;

async function connectAll(port: number): Promise<RawClient[]> {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
  assert.ok(!(limit < FILES_NEEDED), `ulimit -n is ${limit}; this test needs ${FILES_NEEDED}`);
  const clients: RawClient[] = [];
  while (clients.length < CLIENTS) {
    const more = Array.from({ length: CONNECTING }, () => RawClient.connect(port, { timeoutMs: TIMEOUT_MS }));
    clients.push(...(await Promise.all(more)));
  }
  return clients;
}

test('2,000 Redis clients at once read their own answers', { timeout: 120_000 }, async t => {
  const pool = await startRedisPool(t, { servers: 2, workers: 2 });
  const clients = await connectAll(pool.port);
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(
      clients.map(async (client, i) => {
        const key = `client-${i}`;
        const value = `round ${round} of ${key}`;
        assert.equal(await client.command('SET', key, value), 'OK');
        const neighbour = `client-${(i + 1) % CLIENTS}`;
        const [own, none] = (await client.command('MGET', key, `${neighbour}-none`)) as Buffer[];
        assert.deepEqual([String(own), none], [value, null]);
        assert.equal(await client.command('INCRBY', `n-${i}`, i), i * (round + 1));
        assert.equal(String(await client.command('PING', key)), key);
      }),
    );
  }
  assert.equal(pool.ringmaster.workerPids().length, 2);
  // Half of them leave, with all manner of goodbyes; the others do not notice.
  await Promise.all(
    clients
      .filter((_, i) => i % 2 === 0)
      .map((client, i) => {
        if (i % 3 === 0) client.end();
        else if (i % 3 === 1) client.reset();
        else client.destroy();
        return client.closed;
      }),
  );
  const rest = clients.filter((_, i) => i % 2 === 1);
  const answers = await Promise.all(rest.map(client => client.command('EXISTS', 'client-1', 'client-2', 'none')));
  assert.deepEqual(new Set(answers), new Set([2]));
  for (const client of rest) client.destroy();
});

test('2,000 memcached clients at once read their own answers', { timeout: 120_000 }, async t => {
  const pool = await startMemcachedPool(t, { servers: 2, workers: 2 });
  const clients = await connectAll(pool.port);
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(
      clients.map(async (client, i) => {
        const value = `round ${round} of ${i}`;
        client.send(`set c${i} ${round} 0 ${value.length}\r\n${value}\r\nget none c${i} c${i}\r\n`);
        const block = `VALUE c${i} ${round} ${value.length}\r\n${value}\r\n`;
        const want = `STORED\r\n${block}${block}END\r\n`;
        assert.equal(String(await client.readUntil(want.length)), want);
      }),
    );
  }
  for (const client of clients) client.destroy();
});

test('a worker has as many connections to a server as the setting says, however many clients it has', async t => {
  const pool = await startRedisPool(t, { servers: 2, workers: 2, settings: ['server_connections: 3'] });
  const clients = await Promise.all(Array.from({ length: 300 }, () => pool.client()));
  await Promise.all(clients.map((client, i) => client.command('MGET', `a${i}`, `b${i}`, `c${i}`)));
  for (const server of pool.servers) {
    const list = String(await server.command('CLIENT', 'LIST'));
    const connections = list.trim().split('\n').length - 1;
    assert.ok(connections <= 2 * 3, `${connections} connections to a server`);
  }
  for (const client of clients) client.destroy();
});
