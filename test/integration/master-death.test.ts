// kill -9 of the master: its workers notice, answer what is pending and go. No process is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlive } from '../support/child.ts';
import { answering, held, never, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, WIRES, type Wire } from '../support/wire.ts';

const [wire] = WIRES as readonly [Wire];

test('the workers answer what is pending, then no process is left and the port is free', async t => {
  const gate = held();
  const server = await startFakeBackend(answering(wire.split, wire.answer, gate.delivery));
  t.after(() => server.close());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers: 3 });
  const workers = daemon.ringmaster.workerPids();
  assert.equal(workers.length, 3);
  const client = await daemon.client('pool');
  client.send(wire.get('a'));
  await server.untilRequests(1);
  daemon.ringmaster.signal('SIGKILL');
  await waitFor(() => !isAlive(daemon.ringmaster.pid), { what: 'the end of the master' });
  assert.ok(workers.some(isAlive), 'who has something pending waits for it');
  gate.release();
  assert.equal((await client.readToEnd()).toString(), wire.value('a'));
  await waitFor(() => !workers.some(isAlive), { what: 'the end of all workers' });
  await assert.rejects(RawClient.connect(daemon.port('pool')));
});

test('under traffic, with a server that does not answer: bounded by shutdown_timeout', async t => {
  const server = await startFakeBackend(answering(wire.split, wire.answer));
  t.after(() => server.close());
  const pools = { pool: { protocol: 'redis', servers: [server.port] } } as const;
  const daemon = await startDaemon(t, pools, { workers: 2, settings: ['shutdown_timeout: 300'] });
  const workers = daemon.ringmaster.workerPids();
  const clients = await Promise.all(Array.from({ length: 10 }, () => daemon.client('pool')));
  for (const client of clients) await ask(client, wire, 'a');
  server.handler = answering(wire.split, wire.answer, never);
  for (const client of clients) client.send(wire.get('b'));
  await server.untilRequests(20);
  await daemon.ringmaster.killMaster();
  await waitFor(() => !workers.some(isAlive), { what: 'the end of all workers' });
  for (const client of clients) await client.closed;
});

test('while a worker starts', async t => {
  const server = await startFakeBackend(answering(wire.split, wire.answer));
  t.after(() => server.close());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers: 2 });
  const before = daemon.ringmaster.workerPids();
  process.kill(before[0]!, 'SIGKILL');
  const started = await waitFor(() => daemon.ringmaster.workerPids().find(pid => !before.includes(pid)), {
    what: 'another worker',
    everyMs: 1,
  });
  await daemon.ringmaster.killMaster();
  const all = [...before, started];
  await waitFor(() => !all.some(isAlive), { what: 'the end of all workers' });
});
