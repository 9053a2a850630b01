// Connections that one client has to itself: given out up to a limit, waited for, taken back, lost.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { FailureReason } from '../../../src/request/failure.ts';
import { Request } from '../../../src/request/request.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import type { BackendOptions } from '../../../src/upstream/backend-options.ts';
import type { PrivateConnection } from '../../../src/upstream/private-connection.ts';
import type { PrivateConnectionWaiter } from '../../../src/upstream/private-connections.ts';
import { Answer, BackendUnderTest } from '../../support/backend-under-test.ts';
import {
  answering,
  cutAfter,
  type Delivery,
  type Handler,
  held,
  inOnePiece,
  inTurn,
  never,
  startFakeBackend,
} from '../../support/fake-backend.ts';
import { freePort } from '../../support/free-port.ts';
import { redisRequest, redisWords } from '../../support/request-splitter.ts';
import { encodeCommand } from '../../support/resp-reader.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A client that wants a connection to itself. */
class Client implements PrivateConnectionWaiter {
  readonly variant: number;
  connection: PrivateConnection | null = null;
  refused: FailureReason | null = null;
  lost: FailureReason | null = null;
  private readonly proxy: BackendUnderTest;

  constructor(proxy: BackendUnderTest, variant = 0) {
    this.proxy = proxy;
    this.variant = variant;
    proxy.backend.acquirePrivate(this);
  }

  onConnection(connection: PrivateConnection): void {
    this.connection = connection;
  }

  onRefused(reason: FailureReason): void {
    this.refused = reason;
  }

  onConnectionLost(_connection: PrivateConnection, reason: FailureReason): void {
    this.lost = reason;
    this.connection = null;
  }

  ask(extraMs: number, ...words: string[]): Answer {
    const answer = new Answer(words.join(' '));
    const request = new Request(answer, 0);
    request.extraMs = extraMs;
    const bytes = encodeCommand(...words);
    this.proxy.clock.refresh();
    this.connection!.send(request, new RequestBytes().set(bytes, 0, bytes.length, null));
    return answer;
  }

  get(key: string): Answer {
    return this.ask(0, 'GET', key);
  }

  release(isClean: boolean): void {
    this.proxy.backend.releasePrivate(this.connection!, isClean);
    this.connection = null;
  }
}

const right = (delivery?: Delivery): Handler =>
  answering(
    redisRequest,
    request => {
      const [name, arg] = redisWords(request).map(String);
      return name === 'GET' ? `+${arg}\r\n` : name === 'HELLO' ? '%0\r\n' : '+OK\r\n';
    },
    delivery,
  );

async function pair(t: TestContext, handler: Handler, options: Partial<BackendOptions> = {}) {
  const server = await startFakeBackend(handler);
  t.after(() => server.close());
  return { server, proxy: new BackendUnderTest(t, server.port, options) };
}

test('each client has its own, after the handshake; what it asks before that waits', async t => {
  const { server, proxy } = await pair(t, right(), { credentials: { user: null, password: 'secret' } });
  const [a, b] = [new Client(proxy), new Client(proxy)];
  const answers = [a.get('a1'), a.get('a2'), b.get('b1')];
  assert.deepEqual(await Promise.all(answers.map(answer => answer.settled())), ['+a1\r\n', '+a2\r\n', '+b1\r\n']);
  const asked = server.connections.map(({ requests }) => requests.map(request => redisWords(request).join(' ')));
  assert.deepEqual(asked.sort(), [
    ['AUTH secret', 'GET a1', 'GET a2'],
    ['AUTH secret', 'GET b1'],
  ]);
  assert.equal(proxy.backend.snapshot().privateInUse, 2);
});

test('one given back clean is used again, one that is not clean or owes a reply is closed', async t => {
  const gate = held();
  const { server, proxy } = await pair(t, right(inTurn(inOnePiece, gate.delivery)));
  const first = new Client(proxy);
  await first.get('a').settled();
  first.release(true);
  assert.equal(proxy.backend.snapshot().privateInUse, 0);
  const second = new Client(proxy);
  assert.equal(server.connections.length, 1);
  const late = second.get('late');
  second.release(true);
  assert.equal(await late.settled(), 'no_backend', 'a reply was still to come');
  gate.release();
  server.handler = right();
  const third = new Client(proxy);
  assert.equal(await third.get('c').settled(), '+c\r\n', 'and nobody gets the late one');
  assert.equal(server.connections.length, 2);
  third.release(false);
  await new Client(proxy).get('d').settled();
  assert.equal(server.connections.length, 3);
});

test('over the limit clients wait in their order, and leave the queue when they go', async t => {
  const { server, proxy } = await pair(t, right(), { privateConnections: 2 });
  const [a, b, c, d, e] = Array.from({ length: 5 }, () => new Client(proxy)) as [
    Client,
    Client,
    Client,
    Client,
    Client,
  ];
  await Promise.all([a.get('a').settled(), b.get('b').settled()]);
  assert.deepEqual(
    [c, d, e].map(client => client.connection),
    [null, null, null],
  );
  assert.equal(proxy.backend.snapshot().privateWaiting, 3);
  proxy.backend.cancelPrivate(c);
  a.release(true);
  assert.equal(await d.get('d').settled(), '+d\r\n');
  assert.equal(server.connections.length, 2, 'the one given back');
  b.release(false);
  assert.equal(await e.get('e').settled(), '+e\r\n');
  assert.equal(server.connections.length, 3);
  assert.deepEqual([c.connection, c.refused], [null, null], 'whoever left hears nothing');
});

test('who waits for longer than queue_timeout is refused', async t => {
  const { proxy } = await pair(t, right(), { privateConnections: 1, queueTimeoutMs: 40 });
  const holder = new Client(proxy);
  await holder.get('a').settled();
  const waiter = new Client(proxy);
  await waitFor(() => waiter.refused !== null, { what: 'the refusal' });
  assert.equal(waiter.refused, 'no_private_connection');
  assert.equal(proxy.stats.privateRefused, 1);
  assert.equal(await holder.get('b').settled(), '+b\r\n', 'the holder goes on');
});

test('an idle one that speaks another version makes room', async t => {
  const { server, proxy } = await pair(t, right(), { privateConnections: 1 });
  const old = new Client(proxy, 0);
  await old.get('a').settled();
  old.release(true);
  const other = new Client(proxy, 1);
  assert.equal(await other.get('b').settled(), '+b\r\n');
  assert.equal(server.connections.length, 2);
  await waitFor(() => proxy.stats.serverConnections === 1, { what: 'the end of the idle one' });
});

test('a connection that is lost fails what was sent on it and tells its user, once; another is made for who waits', async t => {
  const { server, proxy } = await pair(t, right(inTurn(inOnePiece, cutAfter(1))), { privateConnections: 1 });
  const client = new Client(proxy);
  await client.get('a').settled();
  const waiter = new Client(proxy);
  const answers = [client.get('b'), client.get('c')];
  assert.deepEqual(await Promise.all(answers.map(answer => answer.settled())), [
    'connection_reset',
    'connection_reset',
  ]);
  assert.equal(client.lost, 'connection_reset');
  server.handler = right();
  assert.equal(await waiter.get('d').settled(), '+d\r\n');
});

test('one that the server closed while it was idle is not given to anybody', async t => {
  const { server, proxy } = await pair(t, right());
  const client = new Client(proxy);
  await client.get('a').settled();
  client.release(true);
  server.connections[0]!.socket.end();
  await waitFor(() => proxy.stats.serverConnections === 0, { what: 'the end to be noticed' });
  assert.equal(await new Client(proxy).get('b').settled(), '+b\r\n');
});

test('a command may take longer by its own time, or as long as it likes; others end the connection', async t => {
  const { server, proxy } = await pair(t, right(never), { timeoutMs: 40 });
  const [short, long, endless] = [new Client(proxy), new Client(proxy), new Client(proxy)];
  const answers = { short: short.get('a'), long: long.ask(600, 'BLPOP', 'b'), endless: endless.ask(-1, 'BLPOP', 'c') };
  assert.equal(await answers.short.settled(), 'timed_out');
  assert.equal(short.lost, 'timed_out');
  assert.equal(answers.long.isSettled, false);
  assert.equal(await answers.long.settled(), 'timed_out');
  assert.equal(answers.endless.isSettled, false);
  server.resetAll();
  assert.equal(await answers.endless.settled(), 'connection_reset');
});

test('while the server is down they are refused at once, with the reason', async t => {
  const proxy = new BackendUnderTest(t, await freePort());
  await proxy.get('a').settled();
  assert.equal(new Client(proxy).refused, 'connection_refused');
});

test('an ejected server takes its private connections with it', async t => {
  const { server, proxy } = await pair(t, right(), { autoEject: true, failureLimit: 1, retryTimeoutMs: 60_000 });
  const client = new Client(proxy);
  await client.get('a').settled();
  server.handler = (connection, _bytes) => void connection.socket.write('garbage\r\n');
  assert.equal(await proxy.get('b').settled(), 'server_garbage');
  assert.deepEqual(proxy.moves, ['out']);
  assert.equal(client.lost, 'server_garbage');
});

test('a backend that retires lets those in use finish, within its time', async t => {
  const { proxy } = await pair(t, right());
  const client = new Client(proxy);
  await client.get('a').settled();
  let isRetired = false;
  proxy.backend.retire(60_000, () => {
    isRetired = true;
  });
  assert.equal(new Client(proxy).refused, 'no_backend');
  assert.equal(await client.get('b').settled(), '+b\r\n');
  assert.equal(isRetired, false);
  client.release(true);
  assert.equal(isRetired, true);
  const { proxy: other } = await pair(t, right());
  const cut = new Client(other);
  await cut.get('a').settled();
  other.backend.retire(10, () => {});
  await waitFor(() => cut.lost !== null, { what: 'the end of its time' });
});
