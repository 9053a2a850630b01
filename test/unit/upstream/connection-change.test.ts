// Connections that are made anew, for a reload or because the server is out of service: nothing overtakes what was sent
// before, and nothing is lost.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BackendOptions, DOWN_SILENCE_MAX_MS } from '../../../src/upstream/backend-options.ts';
import { BackendUnderTest } from '../../support/backend-under-test.ts';
import { answering, type Delivery, type Handler, held, never, startFakeBackend } from '../../support/fake-backend.ts';
import { redisRequest, redisWords } from '../../support/request-splitter.ts';
import { waitFor } from '../../support/wait-for.ts';

const READONLY = "-READONLY You can't write against a read only replica.\r\n";

const right = (delivery?: Delivery): Handler =>
  answering(redisRequest, request => `+${redisWords(request)[1] ?? 'PONG'}\r\n`, delivery);

async function pair(t: TestContext, handler: Handler, options: Partial<BackendOptions> = {}) {
  const server = await startFakeBackend(handler);
  t.after(() => server.close());
  return { server, proxy: new BackendUnderTest(t, server.port, options) };
}

function changeCount(proxy: BackendUnderTest, connections: number): void {
  proxy.backend.reconfigure({ ...proxy.backend.options, connections });
}

for (const [from, to] of [
  [1, 2],
  [2, 1],
  [2, 3],
] as const) {
  test(`from ${from} connections to ${to}: what a client asks next leaves when what it asked before is answered`, async t => {
    const gate = held();
    const { server, proxy } = await pair(t, right(gate.delivery), { connections: from });
    const clients = [1, 2, 3, 4, 5, 6];
    const before = clients.map(client => proxy.get(`before${client}`, client));
    await server.untilRequests(clients.length);
    changeCount(proxy, to);
    const after = clients.map(client => proxy.get(`after${client}`, client));
    await waitFor(() => server.connections.length === from + to, { what: 'the new connections' });
    await proxy.turns(5);
    assert.equal(server.requests().length, clients.length, 'nothing leaves on them yet');
    gate.release();
    const replies = await Promise.all([...before, ...after].map(answer => answer.settled()));
    assert.deepEqual(replies, [
      ...clients.map(client => `+before${client}\r\n`),
      ...clients.map(client => `+after${client}\r\n`),
    ]);
    await waitFor(() => proxy.stats.serverConnections === to, { what: 'the end of the old ones' });
  });
}

test('two changes in a row wait for each other', async t => {
  const gate = held();
  const { server, proxy } = await pair(t, right(gate.delivery));
  const answers = [proxy.get('a')];
  await server.untilRequests(1);
  changeCount(proxy, 2);
  answers.push(proxy.get('b'));
  changeCount(proxy, 3);
  answers.push(proxy.get('c'));
  await proxy.turns(5);
  assert.equal(server.requests().length, 1);
  gate.release();
  assert.deepEqual(await Promise.all(answers.map(answer => answer.settled())), ['+a\r\n', '+b\r\n', '+c\r\n']);
  const order = server.requests().map(request => String(redisWords(request)[1]));
  assert.deepEqual(order, ['a', 'b', 'c'], 'as accepted');
});

test('the end of what was asked before lets out what waits, whatever end it is', async t => {
  const { server, proxy } = await pair(t, right(never));
  const before = proxy.get('a');
  await server.untilRequests(1);
  changeCount(proxy, 2);
  const after = proxy.get('b');
  server.handler = right();
  server.connections[0]!.socket.resetAndDestroy();
  assert.equal(await before.settled(), 'connection_reset');
  assert.equal(await after.settled(), '+b\r\n');
});

test('an error by which the server is out of service passes, and connections are made anew', async t => {
  const { server, proxy } = await pair(
    t,
    answering(redisRequest, (request, _nth, { index }) => (index === 0 ? READONLY : `+${redisWords(request)[1]}\r\n`)),
  );
  assert.equal(await proxy.get('a').settled(), READONLY);
  assert.equal(await proxy.get('b').settled(), '+b\r\n');
  assert.equal(server.connections.length, 2);
  assert.deepEqual(proxy.moves, []);
});

test('they are made anew once a second at most, and a server that stays out of service has failed', async t => {
  const { server, proxy } = await pair(
    t,
    answering(redisRequest, () => READONLY),
    { autoEject: true, failureLimit: 2, retryTimeoutMs: 60_000 },
  );
  for (let i = 0; i < 50; i++) assert.equal(await proxy.get('a').settled(), READONLY);
  assert.ok(server.connections.length <= 2, `${server.connections.length} connections`);
  assert.deepEqual(proxy.moves, []);
  const ask = async () => {
    await proxy.get('a').settled();
    return proxy.moves.length > 0;
  };
  await waitFor(ask, { what: 'the ejection' });
  assert.ok(server.connections.length <= 4, `${server.connections.length} connections`);
});

test('late replies that nobody waits for hold nobody up for good: the connection is replaced', async t => {
  // Endless progress: the first reply never ends.
  const drip: Handler = ({ socket, index, requests }, bytes) => {
    requests.push(bytes);
    if (index > 0) {
      right()({ socket, index, requests: [], rest: Buffer.alloc(0), chunks: [], turn: Promise.resolve() }, bytes);
      return;
    }
    if (requests.length > 1) return;
    socket.write('$1000000\r\n');
    const timer = setInterval(() => socket.write('x'), 5);
    socket.once('close', () => clearInterval(timer));
  };
  const { server, proxy } = await pair(t, drip, { timeoutMs: 60, autoEject: true, failureLimit: 1 });
  assert.equal(await proxy.get('a').settled(), 'timed_out');
  await waitFor(async () => (await proxy.get('b').settled()) === '+b\r\n', { what: 'another connection' });
  assert.equal(server.connections.length, 2);
  assert.deepEqual(proxy.moves, [], 'the server was never silent');
});

test('a server that is marked down and says nothing is not waited for, with no timeout either', async t => {
  const { server, proxy } = await pair(t, right(never));
  const answers = [proxy.get('a'), proxy.get('b')];
  await server.untilRequests(2);
  proxy.backend.markDown('no answer');
  const markedAtMs = proxy.clock.nowMs;
  proxy.backend.checkDeadlines(markedAtMs + DOWN_SILENCE_MAX_MS - 1);
  assert.equal(answers[0]!.isSettled, false);
  proxy.backend.checkDeadlines(markedAtMs + DOWN_SILENCE_MAX_MS);
  assert.deepEqual(await Promise.all(answers.map(answer => answer.settled())), ['host_down', 'host_down']);
});

test('a server that accepts connections to say that it has no room is down, and tried again with back-off', async t => {
  const full = '-ERR max number of clients reached\r\n';
  let isFull = true;
  const { server, proxy } = await pair(t, right(), { autoEject: true, failureLimit: 3, retryTimeoutMs: 50 });
  server.greeting = socket => {
    if (isFull) socket.end(full);
  };
  for (let i = 0; i < 100; i++) {
    const outcome = await proxy.get('a').settled();
    assert.ok(outcome === full || outcome === 'connection_refused', outcome);
  }
  assert.ok(server.connections.length < 10, `${server.connections.length} connections`);
  await waitFor(() => proxy.moves.length === 1, { what: 'the ejection' });
  isFull = false;
  await waitFor(() => proxy.moves.length === 2, { what: 'the readmission' });
  assert.equal(await proxy.get('b').settled(), '+b\r\n');
});
