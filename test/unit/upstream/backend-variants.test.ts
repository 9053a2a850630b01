// The server connections of clients that speak another version of the protocol, beside those of the others.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BackendOptions } from '../../../src/upstream/backend-options.ts';
import { BackendUnderTest } from '../../support/backend-under-test.ts';
import { answering, type Delivery, type Handler, never, startFakeBackend } from '../../support/fake-backend.ts';
import { redisRequest, redisWords } from '../../support/request-splitter.ts';
import { encodeCommand } from '../../support/resp-reader.ts';
import { waitFor } from '../../support/wait-for.ts';

const NO_HELLO = "-ERR unknown command 'HELLO', with args beginning with: '3'\r\n";

/** A server that answers GET with its key, in the version that the connection has. */
function server(hello = '%1\r\n+proto\r\n:3\r\n', delivery?: Delivery): Handler {
  const resp3 = new WeakSet();
  return answering(
    redisRequest,
    (request, _nth, connection) => {
      const [name, key] = redisWords(request).map(String);
      if (name === 'PING') return '+PONG\r\n';
      if (name === 'HELLO') {
        resp3.add(connection);
        return hello;
      }
      if (name !== 'GET') return '+OK\r\n';
      return resp3.has(connection) ? `~1\r\n+${key}\r\n` : `*1\r\n+${key}\r\n`;
    },
    delivery,
  );
}

async function pair(t: TestContext, handler: Handler, options: Partial<BackendOptions> = {}) {
  const fake = await startFakeBackend(handler);
  t.after(() => fake.close());
  const proxy = new BackendUnderTest(t, fake.port, options);
  const get = (key: string, variant: number, clientId = 1) => proxy.send(encodeCommand('GET', key), clientId, variant);
  const heard = (index: number) => fake.connections[index]!.requests.map(request => redisWords(request).join(' '));
  return { fake, proxy, get, heard };
}

test('a connection of each kind is opened when a client needs it, and says HELLO between AUTH and SELECT', async t => {
  const { fake, proxy, get, heard } = await pair(t, server(), {
    credentials: { user: null, password: 'secret' },
    db: 3,
  });
  assert.equal(await get('a', 0).settled(), '*1\r\n+a\r\n');
  assert.equal(fake.connections.length, 1);
  assert.equal(proxy.stats.serverConnections, 1);
  assert.equal(await get('b', 1).settled(), '~1\r\n+b\r\n');
  assert.equal(await get('c', 0).settled(), '*1\r\n+c\r\n');
  assert.equal(proxy.stats.serverConnections, 2);
  assert.deepEqual(heard(0), ['AUTH secret', 'SELECT 3', 'GET a', 'GET c']);
  assert.deepEqual(heard(1), ['AUTH secret', 'HELLO 3', 'SELECT 3', 'GET b']);
});

test('the connections of a database are closed when nobody has asked on them for a minute, and opened again', async t => {
  const { fake, proxy, get, heard } = await pair(t, server());
  assert.equal(await get('a', 0).settled(), '*1\r\n+a\r\n');
  assert.equal(await get('b', 4).settled(), '*1\r\n+b\r\n');
  assert.equal(await get('c', 5).settled(), '~1\r\n+c\r\n');
  assert.deepEqual(heard(1), ['SELECT 2', 'GET b']);
  assert.deepEqual(heard(2), ['HELLO 3', 'SELECT 2', 'GET c']);
  const { clock } = proxy.backend;
  proxy.backend.checkDeadlines(clock.nowMs + 50_000);
  assert.equal(proxy.stats.serverConnections, 3);
  proxy.backend.checkDeadlines(clock.nowMs + 70_000);
  assert.equal(proxy.stats.serverConnections, 1);
  assert.equal(await get('d', 4).settled(), '*1\r\n+d\r\n');
  assert.equal(await get('e', 0).settled(), '*1\r\n+e\r\n');
  assert.equal(fake.connections.length, 4);
  assert.deepEqual(heard(0), ['GET a', 'GET e']);
});

test('each kind has as many connections as the pool says, and the same one for a client', async t => {
  const { fake, proxy, get } = await pair(t, server(), { connections: 2 });
  const clients = [1, 2, 3, 4];
  for (const client of clients) await Promise.all([get('a', 0, client).settled(), get('b', 1, client).settled()]);
  assert.equal(fake.connections.length, 4);
  assert.equal(proxy.stats.serverConnections, 4);
  assert.equal(proxy.stats.responses, 8);
});

test('connections that open ahead are those of the default version', async t => {
  const { proxy, heard, fake } = await pair(t, server());
  proxy.backend.preconnect();
  await waitFor(() => proxy.stats.serverConnections === 1, { what: 'the connection' });
  assert.equal(fake.connections.length, 1);
  assert.deepEqual(heard(0), []);
});

test('a server that does not know HELLO fails its clients in words, is not ejected for it and serves the others', async t => {
  const { proxy, get } = await pair(t, server(NO_HELLO), { autoEject: true, failureLimit: 1 });
  for (let i = 0; i < 3; i++) {
    assert.equal(await get('a', 1).settled(), 'server_version');
    assert.equal(await get('b', 0).settled(), '*1\r\n+b\r\n');
  }
  assert.deepEqual(proxy.moves, []);
  assert.equal(proxy.stats.failures.server_version, 3);
  assert.equal(proxy.log.lines.filter(line => line === 'error server refused the handshake').length, 1);
});

test('once the server knows it, its clients are served', async t => {
  const { fake, get } = await pair(t, server(NO_HELLO));
  assert.equal(await get('a', 1).settled(), 'server_version');
  fake.handler = server();
  // Until the next attempt to connect, requests fail at once.
  await waitFor(async () => (await get('a', 1).settled()) === '~1\r\n+a\r\n', { what: 'the answer', everyMs: 5 });
});

test('a server that wants a password says so to HELLO too', async t => {
  const { get } = await pair(t, server('-NOAUTH HELLO must be called with the client already authenticated\r\n'));
  assert.equal(await get('a', 1).settled(), 'server_noauth');
});

test('what is overdue on one kind fails there and leaves the other alone', async t => {
  const { fake, get } = await pair(t, server(), { timeoutMs: 50 });
  await Promise.all([get('a', 0).settled(), get('a', 1).settled()]);
  const [plain, other] = [server(), server(undefined, never)];
  fake.handler = (connection, bytes) => (connection.index === 0 ? plain : other)(connection, bytes);
  const overdue = get('b', 1);
  for (let i = 0; i < 5; i++) assert.equal(await get(`c${i}`, 0).settled(), `*1\r\n+c${i}\r\n`);
  assert.equal(await overdue.settled(), 'timed_out');
});

test('an ejected server is out for both kinds, and back for both', async t => {
  const { fake, proxy, get } = await pair(t, server(), { autoEject: true, failureLimit: 1, retryTimeoutMs: 60 });
  await Promise.all([get('a', 0).settled(), get('a', 1).settled()]);
  fake.handler = connection => connection.socket.resetAndDestroy();
  assert.equal(await get('b', 1).settled(), 'connection_reset');
  assert.deepEqual(proxy.moves, ['out']);
  assert.equal(proxy.stats.serverConnections, 0);
  assert.deepEqual([get('c', 0).failure, get('c', 1).failure], ['connection_reset', 'connection_reset']);
  fake.handler = server();
  await waitFor(() => proxy.moves.length > 1, { what: 'the readmission' });
  assert.equal(await get('d', 1).settled(), '~1\r\n+d\r\n');
  assert.equal(await get('d', 0).settled(), '*1\r\n+d\r\n');
  assert.equal(proxy.stats.serverConnections, 2);
});

test('a server that is ejected before anybody asked it refuses all, and serves them once it answered a probe', async t => {
  const { fake, proxy, get } = await pair(t, server(), { autoEject: true, failureLimit: 1, retryTimeoutMs: 60 });
  fake.handler = connection => connection.socket.resetAndDestroy();
  assert.equal(await get('a', 0).settled(), 'connection_reset');
  // No connection of this kind was there yet.
  assert.equal(get('b', 1).failure, 'connection_reset');
  assert.equal(proxy.backend.whyDown(1), 'connection_reset');
  fake.handler = server();
  await waitFor(() => proxy.moves.length > 1, { what: 'the readmission' });
  assert.equal(await get('c', 1).settled(), '~1\r\n+c\r\n');
  assert.equal(await get('c', 0).settled(), '*1\r\n+c\r\n');
});

test('a backend that retires answers what is inflight on both, then closes both', async t => {
  const gate = Promise.withResolvers<void>();
  const { fake, proxy, get } = await pair(
    t,
    server(undefined, async (socket, reply) => {
      if (/[~*]1/.test(reply.toString('latin1', 0, 2))) await gate.promise;
      socket.write(reply);
    }),
  );
  const answers = [get('a', 0), get('a', 1)];
  await fake.untilRequests(3);
  let isRetired = false;
  proxy.backend.retire(60_000, () => {
    isRetired = true;
  });
  assert.equal(isRetired, false);
  gate.resolve();
  assert.deepEqual(await Promise.all(answers.map(answer => answer.settled())), ['*1\r\n+a\r\n', '~1\r\n+a\r\n']);
  await waitFor(() => isRetired, { what: 'the end of the backend' });
  assert.equal(proxy.stats.serverConnections, 0);
});
