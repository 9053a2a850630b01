// max_memory: what a worker holds for its clients stays bounded, at the cost of those who make it hold most.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { postAdmin } from '../support/admin-client.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { resetPeak, residentMemory } from '../support/process-memory.ts';
import type { RawClient } from '../support/raw-client.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, WIRES } from '../support/wire.ts';

const MIB = 2 ** 20;
const LIMIT_BYTES = 64 * MIB;
const SETTINGS = { settings: ['max_memory: 64mb'] };
/** Garbage that is not collected yet, and what malloc keeps: resident memory is no exact thing. */
const SLACK_BYTES = 160 * MIB;
const SHEDS = 'ringmaster_pool_memory_sheds_total';

function growth(daemon: Daemon): () => number {
  const [pid] = daemon.ringmaster.workerPids() as [number];
  resetPeak(pid);
  const before = residentMemory(pid).nowBytes;
  return () => residentMemory(pid).peakBytes - before;
}

/** Clients that are gone when the test is, however it ends: paused sockets would keep this process alive. */
async function connectAll(t: TestContext, daemon: Daemon, count: number): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => daemon.client('pool')));
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  return clients;
}

/** Sheds are logged, and those who were shed are gone, nobody else. */
async function assertShed(daemon: Daemon, big: readonly RawClient[]): Promise<void> {
  // The last ones may still be on their way.
  let sheds = 0;
  await waitFor(
    async () => {
      sheds = await daemon.metric(SHEDS);
      return sheds > 0 && (await daemon.metric('ringmaster_pool_client_connections')) + sheds === big.length + 1;
    },
    { what: 'those who were shed, and nobody else, to be gone' },
  );
  const inLog = () => daemon.logged(/^the worker was over/).reduce((sum, { shed }) => sum + Number(shed), 0);
  await waitFor(async () => inLog() === (await daemon.metric(SHEDS)), { what: 'all sheds to be in the log' });
  for (const { client, pool, bytes } of daemon.logged(/^cut off: it held most/)) {
    assert.match(String(client), /^127\.0\.0\.1:\d+$/);
    assert.equal(pool, 'pool');
    assert.ok(Number(bytes) > 0);
  }
}

for (const wire of WIRES) {
  test(`${wire.protocol}: clients that stop inside big values are shed, and small ones go on`, async t => {
    const server = await startFakeBackend(answering(wire.split, request => wire.answer(request)));
    t.after(() => server.close());
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port] } }, SETTINGS);
    const [small] = (await connectAll(t, daemon, 1)) as [RawClient];
    await ask(small, wire, 'small');
    const grown = growth(daemon);
    const size = 20 * MIB;
    const start = wire.protocol === 'redis' ? `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${size}\r\n` : `set k 0 0 ${size}\r\n`;
    const half = Buffer.alloc(size / 2, 'v');
    const big = await connectAll(t, daemon, 40);
    let isSent = false;
    const sent = Promise.all(
      big.map(client => {
        client.send(start);
        return new Promise(resolve => client.socket.write(half, resolve));
      }),
    ).then(() => {
      isSent = true;
    });
    while (!isSent) {
      assert.equal(await ask(small, wire, 'small'), wire.value('small'));
      await setImmediate();
    }
    await sent;
    await assertShed(daemon, big);
    t.diagnostic(`grew by ${Math.round(grown() / MIB)} MiB`);
    assert.ok(grown() < LIMIT_BYTES + SLACK_BYTES, `grew by ${Math.round(grown() / MIB)} MiB for 400 MiB`);
    const held = await daemon.metric('ringmaster_worker_held_bytes');
    // Looked at after every 256 KiB or so that came.
    assert.ok(held > 0 && held <= LIMIT_BYTES + MIB, `${held} bytes are held`);
    await daemon.untilMetric('ringmaster_worker_held_limit_bytes', {}, LIMIT_BYTES);
    for (const client of [...big, small]) client.destroy();
    await daemon.untilMetric('ringmaster_worker_held_bytes', {}, 0);
  });

  test(`${wire.protocol}: clients that do not read big replies are shed, and small ones go on`, async t => {
    const value = wire.value('big', 10 * MIB);
    const server = await startFakeBackend(
      answering(wire.split, request => (request.includes('big') ? value : wire.answer(request))),
    );
    t.after(() => server.close());
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port] } }, SETTINGS);
    const [small] = (await connectAll(t, daemon, 1)) as [RawClient];
    await ask(small, wire, 'small');
    const grown = growth(daemon);
    const big = await connectAll(t, daemon, 30);
    for (const client of big) {
      client.pause();
      client.send(wire.get('big'));
    }
    await waitFor(() => server.requests().filter(request => request.includes('big')).length === big.length, {
      what: 'all big values to be asked for',
    });
    // Its reply comes after theirs.
    assert.equal(await ask(small, wire, 'small'), wire.value('small'));
    await assertShed(daemon, big);
    t.diagnostic(`grew by ${Math.round(grown() / MIB)} MiB`);
    assert.ok(grown() < LIMIT_BYTES + SLACK_BYTES, `grew by ${Math.round(grown() / MIB)} MiB for 300 MiB`);
  });
}

test('requests that a server does not take are given up, and the clients are told', async t => {
  // On its first connection it answers nothing, and soon it reads nothing.
  const server = await startFakeBackend(
    answering(redisRequest, (_, __, { index }) => (index === 0 ? null : '+OK\r\n')),
  );
  t.after(() => server.close());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, SETTINGS);
  const [first] = (await connectAll(t, daemon, 1)) as [RawClient];
  first.send('GET k\r\n');
  await waitFor(() => server.connections.length === 1, { what: 'the connection to the server' });
  server.connections[0]!.socket.pause();
  const grown = growth(daemon);
  const clients: RawClient[] = [];
  const request = encodeCommand('SET', 'k', Buffer.alloc(5 * MIB, 'v'));
  while (clients.length < 15) {
    const [client] = (await connectAll(t, daemon, 1)) as [RawClient];
    clients.push(client);
    client.send(request);
    // One at a time, so that none of them holds much itself.
    await daemon.untilMetric('ringmaster_server_requests_total', {}, 1 + clients.length);
  }
  assert.equal((await first.readLine()).toString(), '-ERR server overloaded: too many requests are waiting for it\r\n');
  const labels = { pool: 'pool', server: 'server-0' };
  const given = () => daemon.metric('ringmaster_server_memory_sheds_total', labels);
  await waitFor(async () => (await given()) > 0, { what: 'what was given up to be counted' });
  assert.ok(grown() < LIMIT_BYTES + SLACK_BYTES, `grew by ${Math.round(grown() / MIB)} MiB for 75 MiB`);
  // Who asks later is served, by a new connection.
  assert.equal(await first.command('SET', 'k', 'v'), 'OK');
  assert.equal(await daemon.metric(SHEDS), 0);
});

test('requests split over servers that answer nothing count, also when their clients have left', async t => {
  const server = await startFakeBackend(() => {});
  t.after(() => server.close());
  const servers = Array.from({ length: 100 }, () => server.port);
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers } }, SETTINGS);
  const [bystander] = (await connectAll(t, daemon, 1)) as [RawClient];
  assert.equal(await bystander.command('PING'), 'PONG');
  const request = encodeCommand('MGET', ...Array.from({ length: 300 }, (_, i) => `k${i}`));
  const pipeline = Buffer.concat(Array.from({ length: 60 }, () => request));
  const grown = growth(daemon);
  // Each of them leaves some thousands of fragments behind when it goes.
  const shed = async () => (await daemon.metric('ringmaster_server_memory_sheds_total')) > 0;
  for (let round = 0; round < 30 && !(await shed()); round++) {
    const clients = await connectAll(t, daemon, 10);
    const before = await daemon.metric('ringmaster_pool_requests_total');
    for (const client of clients) client.send(pipeline);
    await waitFor(async () => (await daemon.metric('ringmaster_pool_requests_total')) >= before + 600, {
      what: 'their requests',
    });
    for (const client of clients) client.socket.resetAndDestroy();
    await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 1);
  }
  assert.ok(await shed(), 'nothing was given up');
  assert.ok(grown() < LIMIT_BYTES + SLACK_BYTES, `grew by ${Math.round(grown() / MIB)} MiB`);
  assert.equal(await bystander.command('PING'), 'PONG');
});

test('max_memory: none sheds nobody, and a reload sets another limit', async t => {
  const server = await startFakeBackend(answering(redisRequest, () => '+OK\r\n'));
  t.after(() => server.close());
  const settings = ['max_memory: none'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { settings });
  const [client] = (await connectAll(t, daemon, 1)) as [RawClient];
  client.send(
    Buffer.concat([Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${100 * MIB}\r\n`), Buffer.alloc(80 * MIB, 'v')]),
  );
  await waitFor(async () => (await daemon.metric('ringmaster_worker_held_bytes')) > 80 * MIB, { what: '80 MiB held' });
  assert.equal(await daemon.metric(SHEDS), 0);
  const { configFile, writeConfig } = daemon.ringmaster;
  writeConfig(readFileSync(configFile, 'utf8').replace('max_memory: none', 'max_memory: 64mb'));
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  client.send('v');
  await client.closed;
  await daemon.untilMetric(SHEDS, { pool: 'pool' }, 1);
});
