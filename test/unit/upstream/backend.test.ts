import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BackendOptions } from '../../../src/upstream/backend-options.ts';
import { BackendUnderTest } from '../../support/backend-under-test.ts';
import {
  answering,
  type Delivery,
  type Handler,
  held,
  never,
  replacedBy,
  startFakeBackend,
} from '../../support/fake-backend.ts';
import { freePort } from '../../support/free-port.ts';
import { redisRequest, redisWords } from '../../support/request-splitter.ts';
import { waitFor } from '../../support/wait-for.ts';

const answers = (delivery?: Delivery): Handler =>
  answering(
    redisRequest,
    request => {
      const [name, key] = redisWords(request).map(String);
      return name === 'PING' ? '+PONG\r\n' : `+${key}\r\n`;
    },
    delivery,
  );

async function ejecting(t: TestContext, handler: Handler, options: Partial<BackendOptions> = {}) {
  const server = await startFakeBackend(handler);
  t.after(() => server.close());
  return { server, proxy: new BackendUnderTest(t, server.port, { autoEject: true, ...options }) };
}

test('failures in a row eject, and a success between them begins the count anew', async t => {
  const { server, proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 3 });
  const failOnce = async () => assert.equal(await proxy.get('a').settled(), 'server_garbage');
  await failOnce();
  await failOnce();
  server.handler = answers();
  assert.equal(await proxy.get('a').settled(), '+a\r\n');
  server.handler = answers(replacedBy('garbage\r\n'));
  await failOnce();
  await failOnce();
  assert.deepEqual(proxy.moves, []);
  await failOnce();
  assert.deepEqual(proxy.moves, ['out']);
  assert.equal(proxy.backend.isEjected, true);
  assert.equal(proxy.stats.isEjected, 1);
  assert.ok(Math.abs(proxy.stats.serverEjectedAtUs / 1000 - Date.now()) < 10_000);
});

test('an error reply is a success: the server is there', async t => {
  const { proxy } = await ejecting(t, answers(replacedBy('-LOADING\r\n')), { failureLimit: 1 });
  assert.equal(await proxy.get('a').settled(), '-LOADING\r\n');
  assert.equal(proxy.stats.errorReplies, 1);
  assert.deepEqual(proxy.moves, []);
});

test('an ejected server is back after a probe that it answers, not before', async t => {
  const { server, proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 1 });
  await proxy.get('a').settled();
  assert.deepEqual(proxy.moves, ['out']);
  // It accepts connections, but to PING it says something else.
  server.handler = answers(replacedBy('-LOADING\r\n'));
  const before = server.requests().length;
  await server.untilRequests(before + 3);
  assert.ok(
    server
      .requests()
      .slice(before)
      .every(request => redisWords(request)[0]!.equals(Buffer.from('PING'))),
  );
  assert.deepEqual(proxy.moves, ['out']);
  server.handler = answers();
  await waitFor(() => proxy.moves.length > 1, { what: 'the readmission' });
  assert.deepEqual(proxy.moves, ['out', 'in']);
  assert.equal(proxy.stats.isEjected, 0);
  assert.equal(await proxy.get('b').settled(), '+b\r\n');
  assert.equal(proxy.stats.serverConnections, 1);
});

test('an ejected server that is gone or silent is probed again and again', async t => {
  const port = await freePort();
  const proxy = new BackendUnderTest(t, port, { autoEject: true, failureLimit: 1, connectTimeoutMs: 50 });
  assert.equal(await proxy.get('a').settled(), 'connection_refused');
  const attempts = proxy.stats.reconnects;
  await waitFor(() => proxy.stats.reconnects >= attempts + 2, { what: 'two probes in vain' });
  const server = await startFakeBackend(answers(never), port);
  t.after(() => server.close());
  await server.untilRequests(2);
  assert.deepEqual(proxy.moves, ['out']);
  server.handler = answers();
  await waitFor(() => proxy.moves.length > 1, { what: 'the readmission' });
});

test('with several connections all are suspended together and come back together', async t => {
  const { server, proxy } = await ejecting(t, answers(), { connections: 3, failureLimit: 1 });
  await Promise.all([0, 1, 2].map(client => proxy.get('a', client).settled()));
  assert.equal(proxy.stats.serverConnections, 3);
  server.handler = answers(replacedBy('garbage\r\n'));
  assert.equal(await proxy.get('b', 1).settled(), 'server_garbage');
  assert.equal(proxy.stats.serverConnections, 0);
  assert.deepEqual(
    [0, 1, 2].map(client => proxy.get('c', client).failure),
    Array(3).fill('server_garbage'),
  );
  server.handler = answers();
  await waitFor(() => proxy.moves.length > 1, { what: 'the readmission' });
  assert.deepEqual(
    await Promise.all([0, 1, 2].map(client => proxy.get('d', client).settled())),
    Array(3).fill('+d\r\n'),
  );
  assert.equal(proxy.stats.serverConnections, 3);
});

test('a retry timeout of nothing does not make it probe without pause', async t => {
  const port = await freePort();
  const proxy = new BackendUnderTest(t, port, { autoEject: true, failureLimit: 1, retryTimeoutMs: 0 });
  await proxy.get('a').settled();
  const startedAt = performance.now();
  const attempts = proxy.stats.reconnects;
  await waitFor(() => proxy.stats.reconnects >= attempts + 3, { what: 'three probes' });
  assert.ok(performance.now() - startedAt >= 100);
});

test('ejection that is turned off readmits', async t => {
  const { proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 1, retryTimeoutMs: 60_000 });
  await proxy.get('a').settled();
  proxy.backend.reconfigure({ ...proxy.backend.options, autoEject: false });
  assert.deepEqual(proxy.moves, ['out', 'in']);
  assert.equal(proxy.stats.isEjected, 0);
});

test('a backend that leaves while it is ejected leaves no trace of that in the figures of its name', async t => {
  const { proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 1 });
  await proxy.get('a').settled();
  assert.equal(proxy.stats.isEjected, 1);
  proxy.backend.retire(1000, () => {});
  assert.equal(proxy.stats.isEjected, 0);
});

test('without ejection a server is never out of the ring', async t => {
  const { proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { autoEject: false, failureLimit: 1 });
  for (let i = 0; i < 5; i++) assert.equal(await proxy.get('a').settled(), 'server_garbage');
  assert.deepEqual(proxy.moves, []);
});

test('a server that keeps toggling stays out longer each time before it is probed', async t => {
  const { server, proxy } = await ejecting(t, answers(), { failureLimit: 1 });
  const pauses: unknown[] = [];
  proxy.log.warn = (fields, message) => {
    if (message === 'server ejected by this worker alone') pauses.push((fields as { probeInMs: number }).probeInMs);
  };
  for (let i = 0; i < 3; i++) {
    server.handler = answers(replacedBy('garbage\r\n'));
    assert.equal(await proxy.get('a').settled(), 'server_garbage');
    server.handler = answers();
    await waitFor(() => !proxy.backend.isEjected, { what: 'the readmission' });
  }
  assert.deepEqual(pauses, [50, 100, 200]);
  proxy.backend.reconfigure({ ...proxy.backend.options, retryTimeoutMs: 600_000 });
  server.handler = answers(replacedBy('garbage\r\n'));
  await proxy.get('a').settled();
  assert.equal(pauses[3], 600_000, 'never less than its retry timeout, and over five minutes no more');
});

test("out of the ring by the master's verdict: what is inflight goes on, and comes back with the verdict alone", async t => {
  const gate = held();
  const { proxy } = await ejecting(t, answers(gate.delivery), { autoEject: false });
  const inflight = proxy.get('a');
  assert.equal(proxy.backend.markDown('no answer'), true);
  assert.equal(proxy.backend.markDown('still none'), false, 'no change');
  assert.deepEqual([proxy.backend.isLive, proxy.backend.isEjected], [false, false]);
  assert.deepEqual([proxy.stats.isMarkedDown, proxy.stats.isEjected], [1, 0]);
  gate.release();
  assert.equal(await inflight.settled(), '+a\r\n');
  assert.equal(proxy.backend.isLive, false);
  assert.equal(proxy.backend.markDown(null), true);
  assert.equal(proxy.backend.isLive, true);
  assert.equal(proxy.stats.isMarkedDown, 0);
});

test('ejected and marked down: back when neither is so', async t => {
  const { server, proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 1 });
  await proxy.get('a').settled();
  proxy.backend.markDown('no answer');
  server.handler = answers();
  await waitFor(() => !proxy.backend.isEjected, { what: 'the readmission' });
  assert.equal(proxy.backend.isLive, false);
  proxy.backend.markDown(null);
  assert.equal(proxy.backend.isLive, true);
  server.handler = answers(replacedBy('garbage\r\n'));
  await proxy.get('a').settled();
  proxy.backend.markDown('no answer');
  proxy.backend.markDown(null);
  assert.equal(proxy.backend.isLive, false, 'its own probe must succeed');
  assert.equal(proxy.get('b').failure, 'server_garbage');
});

test('a verdict that the server is up ends the wait for the next attempt to connect', async t => {
  const port = await freePort();
  const proxy = new BackendUnderTest(t, port);
  assert.equal(await proxy.get('a').settled(), 'connection_refused');
  proxy.backend.markDown('refused');
  await waitFor(() => proxy.stats.reconnects >= 4, { what: 'a back-off of at least 200 ms' });
  const server = await startFakeBackend(answers(), port);
  t.after(() => server.close());
  assert.equal(proxy.get('b').failure, 'connection_refused', 'it waits before it tries again');
  proxy.backend.markDown(null);
  assert.equal(await proxy.get('c').settled(), '+c\r\n');
});

test('a master that decides for all workers: the server is out by its word, and back by its word', async t => {
  const { proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 2 });
  proxy.hasMaster = true;
  for (let i = 0; i < 4; i++) assert.equal(await proxy.get('a').settled(), 'server_garbage');
  assert.deepEqual([proxy.troubles, proxy.moves, proxy.ejections], [['server_garbage'], [], 0]);
  assert.equal(proxy.backend.markEjected('server_garbage'), true);
  assert.deepEqual([proxy.backend.isLive, proxy.ejections, proxy.stats.isEjected], [false, 1, 1]);
  assert.equal(proxy.backend.markEjected('server_garbage'), false);
  assert.equal(proxy.backend.markEjected(null), true);
  assert.deepEqual([proxy.backend.isLive, proxy.stats.isEjected], [true, 0]);
  // The word of another worker counts as much; it was not this one's doing.
  assert.equal(proxy.backend.markEjected('timed_out'), true);
  assert.deepEqual([proxy.backend.isLive, proxy.ejections], [false, 1]);
});

test('a master that says nothing: the worker ejects by itself, and lets back by a probe of its own', async t => {
  const { server, proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), {
    failureLimit: 1,
    retryTimeoutMs: 0,
  });
  proxy.hasMaster = true;
  assert.equal(await proxy.get('a').settled(), 'server_garbage');
  assert.deepEqual(proxy.moves, []);
  await waitFor(() => proxy.moves.length > 0, { what: 'its own verdict' });
  assert.deepEqual([proxy.moves, proxy.ejections], [['out'], 1]);
  // The master knows of nothing: that does not end it.
  assert.equal(proxy.backend.markEjected(null), false);
  server.handler = answers();
  await waitFor(() => proxy.moves.length > 1, { what: 'its return' });
  assert.deepEqual(proxy.moves, ['out', 'in']);
});

test('an ejection of its own becomes the master’s when that speaks', async t => {
  const { proxy } = await ejecting(t, answers(replacedBy('garbage\r\n')), { failureLimit: 1, retryTimeoutMs: 60_000 });
  assert.equal(await proxy.get('a').settled(), 'server_garbage');
  assert.deepEqual(proxy.moves, ['out']);
  assert.equal(proxy.backend.markEjected('server_garbage'), false);
  assert.equal(proxy.backend.markEjected(null), true);
  assert.equal(proxy.backend.isLive, true);
});
