// A worker that is stopped for a while (throttled, moved, collecting garbage) blames nobody for the time it lost: what came
// meanwhile is read before any deadline is judged.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { answering, held, inOnePiece, startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { redisWords } from '../support/request-splitter.ts';
import { ask, readOne, WIRES, type Wire } from '../support/wire.ts';

/** Twice as long as every timeout here. */
const PAUSE_MS = 2000;
const TIMEOUT_MS = 1000;

/** Stops the worker; `during` happens while it is stopped. */
async function pausing(daemon: Daemon, during: () => void): Promise<void> {
  const [pid] = daemon.ringmaster.workerPids() as [number];
  process.kill(pid, 'SIGSTOP');
  try {
    during();
    await delay(PAUSE_MS);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

const clientsOf = (t: TestContext, daemon: Daemon, count: number): Promise<RawClient[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const client = await daemon.client('pool');
      t.after(() => client.destroy());
      return client;
    }),
  );

for (const wire of WIRES) {
  test(`${wire.protocol}: requests in flight are answered, and no server is ejected`, async t => {
    const gate = held();
    const servers = await Promise.all([0, 1].map(() => startFakeBackend(answering(wire.split, wire.answer))));
    t.after(() => Promise.all(servers.map(server => server.close())));
    const settings = [
      `timeout: ${TIMEOUT_MS}`,
      'distribution: modula',
      'auto_eject_hosts: true',
      'server_failure_limit: 1',
      'server_retry_timeout: 60s',
    ];
    const ports = servers.map(server => server.port);
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: ports, settings } });
    const clients = await clientsOf(t, daemon, 12);
    for (const [i, client] of clients.entries()) {
      assert.equal(await ask(client, wire, `warm${i}`), wire.value(`warm${i}`));
    }
    const asked = () => servers.reduce((sum, server) => sum + server.requests().length, 0);
    const before = asked();
    for (const server of servers) server.handler = answering(wire.split, wire.answer, gate.delivery);
    for (const [i, client] of clients.entries()) client.send(wire.get(`key${i}`));
    while (asked() < before + clients.length) await delay(1);
    await pausing(daemon, gate.release);
    const replies = await Promise.all(clients.map(client => readOne(client, wire)));
    assert.deepEqual(
      replies,
      clients.map((_, i) => wire.value(`key${i}`)),
    );
    assert.equal(await daemon.metric('ringmaster_server_ejected'), 0);
    assert.equal(await daemon.metric('ringmaster_server_timeouts_total'), 0);
  });
}

test('a connection that was being made is made', async t => {
  const [wire] = WIRES as readonly [Wire];
  const gate = held();
  const server = await startFakeBackend(answering(wire.split, wire.answer, gate.delivery));
  t.after(() => server.close());
  const settings = ['redis_db: 1', `connect_timeout: ${TIMEOUT_MS}`];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const [client] = (await clientsOf(t, daemon, 1)) as [RawClient];
  client.send(wire.get('a'));
  await server.untilRequests(1);
  assert.equal(redisWords(server.requests()[0]!).join(' '), 'SELECT 1');
  await pausing(daemon, () => {
    gate.release();
    server.handler = answering(wire.split, wire.answer, inOnePiece);
  });
  assert.equal(await readOne(client, wire), wire.value('a'));
});

test('a client that asked meanwhile is answered, and not closed as idle', async t => {
  const [wire] = WIRES as readonly [Wire];
  const server = await startFakeBackend(answering(wire.split, wire.answer));
  t.after(() => server.close());
  const settings = [`client_idle_timeout: ${TIMEOUT_MS}`];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const clients = await clientsOf(t, daemon, 8);
  for (const client of clients) assert.equal(await ask(client, wire, 'warm'), wire.value('warm'));
  await pausing(daemon, () => {
    for (const client of clients) client.send(wire.get('a'));
  });
  for (const client of clients) assert.equal(await readOne(client, wire), wire.value('a'));
});
