import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { BackendOptions } from '../../../src/upstream/backend-options.ts';
import { type Answer, BackendUnderTest } from '../../support/backend-under-test.ts';
import {
  answering,
  byteByByte,
  cutAfter,
  type Delivery,
  type FakeBackend,
  followedBy,
  type Handler,
  held,
  inOnePiece,
  inTurn,
  never,
  replacedBy,
  resetAfter,
  startFakeBackend,
  twice,
} from '../../support/fake-backend.ts';
import { freePort } from '../../support/free-port.ts';
import { redisRequest, redisWords } from '../../support/request-splitter.ts';
import { waitFor } from '../../support/wait-for.ts';

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
/** Answers each GET with its key, AUTH and SELECT with OK. */
const keyOf = (request: Buffer) => {
  const [name, arg] = redisWords(request).map(String);
  return name === 'GET' ? bulk(arg as string) : '+OK\r\n';
};
const right = (delivery?: Delivery): Handler => answering(redisRequest, keyOf, delivery);

async function pair(t: TestContext, handler: Handler, options: Partial<BackendOptions> = {}) {
  const server = await startFakeBackend(handler);
  t.after(() => server.close());
  return { server, proxy: new BackendUnderTest(t, server.port, options) };
}

/** A byte every few milliseconds, and all the rest once it is time. */
const drippingUntil =
  (isTime: Promise<void>): Delivery =>
  async (socket, reply) => {
    let isOver = false;
    void isTime.then(() => {
      isOver = true;
    });
    let i = 0;
    for (; i < reply.length && !isOver && !socket.destroyed; i++) {
      socket.write(reply.subarray(i, i + 1));
      await setTimeout(5);
    }
    if (!socket.destroyed) socket.write(reply.subarray(i));
  };

const settledAll = (answers: readonly Answer[]) => Promise.all(answers.map(answer => answer.settled()));

async function untilConnections(proxy: BackendUnderTest, count: number): Promise<void> {
  await waitFor(() => proxy.stats.serverConnections === count, { what: `${count} server connections`, everyMs: 1 });
}

const socketOf = (server: FakeBackend, index = 0): Socket => server.connections[index]!.socket;

describe('a server that is well', () => {
  test('gets what waited for the connection in its order, then what comes, over one connection', async t => {
    const { server, proxy } = await pair(t, right());
    const early = ['a', 'b', 'c'].map(key => proxy.get(key));
    assert.equal(proxy.backend.snapshot().inQueue, 3);
    assert.deepEqual(await settledAll(early), ['a', 'b', 'c'].map(bulk));
    assert.equal(await proxy.get('d').settled(), bulk('d'));
    assert.equal(server.connections.length, 1);
    assert.equal(proxy.stats.serverConnections, 1);
    assert.equal(proxy.stats.responses, 4);
    const { inQueue, outQueue, inQueueBytes, outQueueBytes } = proxy.backend.snapshot();
    assert.deepEqual(
      { inQueue, outQueue, inQueueBytes, outQueueBytes },
      {
        inQueue: 0,
        outQueue: 0,
        inQueueBytes: 0,
        outQueueBytes: 0,
      },
    );
  });

  test('may answer byte by byte, or everything in one segment', async t => {
    const slow = await pair(t, right(byteByByte));
    assert.deepEqual(
      await settledAll(['a', 'bb', 'ccc'].map(key => slow.proxy.get(key))),
      ['a', 'bb', 'ccc'].map(bulk),
    );
    const gate = held();
    const fast = await pair(t, right(gate.delivery));
    const answers = Array.from({ length: 100 }, (_, i) => fast.proxy.get(`key${i}`));
    await fast.server.untilRequests(100);
    gate.release();
    assert.deepEqual(
      await settledAll(answers),
      answers.map((_, i) => bulk(`key${i}`)),
    );
  });

  test('keeps a client on one of several connections', async t => {
    const { server, proxy } = await pair(t, right(), { connections: 3 });
    await settledAll(Array.from({ length: 30 }, (_, i) => proxy.get(`${i % 5}`, i % 5)));
    assert.equal(server.connections.length, 3);
    for (const { requests } of server.connections) {
      const clients = new Set(requests.map(request => Number(redisWords(request)[1]) % 3));
      assert.equal(clients.size, 1);
    }
  });

  test('is told AUTH, then SELECT, then what waits', async t => {
    const { server, proxy } = await pair(t, right(), { credentials: { user: null, password: 'secret' }, db: 3 });
    assert.equal(await proxy.get('a').settled(), bulk('a'));
    assert.deepEqual(
      server.requests().map(request => redisWords(request).map(String)),
      [
        ['AUTH', 'secret'],
        ['SELECT', '3'],
        ['GET', 'a'],
      ],
    );
  });
});

describe('a server that is not there', () => {
  test('fails what waited, then everything at once, and is found again', async t => {
    const port = await freePort();
    const proxy = new BackendUnderTest(t, port);
    assert.deepEqual(await settledAll(['a', 'b'].map(key => proxy.get(key))), [
      'connection_refused',
      'connection_refused',
    ]);
    const refused = proxy.get('c');
    assert.equal(refused.isSettled, true, 'failed before send returned');
    const server = await startFakeBackend(right(), port);
    t.after(() => server.close());
    await waitFor(async () => (await proxy.get('d').settled()) === bulk('d'), { what: 'the server to be found' });
    assert.equal(proxy.stats.serverConnections, 1);
    assert.equal(proxy.log.lines.filter(line => line === 'warn server is down').length, 1, 'said once');
    assert.equal(proxy.log.lines.filter(line => line === 'info server is back').length, 1);
  });

  test('whose name does not resolve is a host that is down', async t => {
    const proxy = new BackendUnderTest(t, 1, { address: { host: 'no-such-name.invalid', port: 1 } });
    assert.equal(await proxy.get('a').settled(), 'host_down');
  });

  test('that is not ready within connect_timeout is down; what waited fails', async t => {
    const { proxy } = await pair(t, right(never), {
      connectTimeoutMs: 80,
      credentials: { user: null, password: 'secret' },
    });
    assert.equal(await proxy.get('a').settled(), 'timed_out');
    assert.equal(proxy.stats.serverTimedout, 1);
    assert.equal(proxy.stats.serverConnections, 0);
    assert.equal(proxy.get('b').failure, 'timed_out', 'at once');
  });
});

describe('a connection that ends', () => {
  test('while nothing is inflight is no failure: the next request opens another', async t => {
    for (const end of ['FIN', 'RST'] as const) {
      const { server, proxy } = await pair(t, right(), { autoEject: true, failureLimit: 1 });
      assert.equal(await proxy.get('a').settled(), bulk('a'));
      if (end === 'FIN') socketOf(server).end();
      else socketOf(server).resetAndDestroy();
      await untilConnections(proxy, 0);
      assert.equal(await proxy.get('b').settled(), bulk('b'));
      assert.deepEqual(proxy.moves, [], `not ejected for a ${end}`);
      assert.equal(proxy.stats.serverConnections, 1);
    }
  });

  test('mid-reply fails that request and those behind it, each once', async t => {
    for (const delivery of [cutAfter(4), resetAfter(4), cutAfter(0), resetAfter()]) {
      const { proxy } = await pair(t, right(inTurn(delivery)));
      const answers = ['aaaa', 'b', 'c'].map(key => proxy.get(key));
      assert.deepEqual(await settledAll(answers), Array(3).fill('connection_reset'));
      await untilConnections(proxy, 0);
    }
  });

  test('is noticed at once, though the server has not read all that was sent to it', async t => {
    const { server, proxy } = await pair(t, (connection, bytes) => {
      if (connection.chunks.length > 1) return;
      assert.ok(bytes.length > 0);
      connection.socket.pause();
      connection.socket.end();
    });
    const big = Buffer.from(`*2\r\n$3\r\nGET\r\n$${32 << 20}\r\n${'x'.repeat(32 << 20)}\r\n`);
    assert.equal(await proxy.send(big).settled(), 'connection_reset');
    await untilConnections(proxy, 0);
    assert.equal(server.connections.length, 1);
  });
});

describe('a server that says what it should not', () => {
  test('garbage fails what is inflight and costs the connection, not the next one', async t => {
    const { proxy } = await pair(t, right(inTurn(replacedBy('what?\r\n'))));
    assert.deepEqual(await settledAll(['a', 'b'].map(key => proxy.get(key))), ['server_garbage', 'server_garbage']);
    assert.equal(proxy.stats.serverConnections, 0);
  });

  test('a second answer in the same segment is given to nobody', async t => {
    const { server, proxy } = await pair(t, right(twice));
    assert.equal(await proxy.get('a').settled(), bulk('a'));
    await untilConnections(proxy, 0);
    assert.equal(await proxy.get('b').settled(), bulk('b'));
    assert.equal(server.connections.length, 2);
  });

  test('what it says unasked is not given to a request that has not left yet', async t => {
    const { server, proxy } = await pair(t, right());
    assert.equal(await proxy.get('a').settled(), bulk('a'));
    socketOf(server).write(bulk('unasked'));
    // It is in our receive buffer already, and is read before this request is written at the end of the turn.
    assert.equal(await proxy.get('b').settled(), 'server_garbage');
    assert.equal(await proxy.get('c').settled(), bulk('c'));
  });

  test('nor is what follows the reply to AUTH', async t => {
    const { proxy } = await pair(t, right(inTurn(followedBy(bulk('unasked')))), {
      credentials: { user: null, password: 'secret' },
    });
    assert.equal(await proxy.get('a').settled(), 'server_garbage');
  });

  test('a reply to AUTH without end is cut off', async t => {
    const { proxy } = await pair(t, right(replacedBy(`$1000000\r\n${'x'.repeat(200_000)}`)), {
      credentials: { user: null, password: 'secret' },
    });
    assert.equal(await proxy.get('a').settled(), 'server_garbage');
  });

  test('a refused handshake is down with that reason, said once with the words of the server', async t => {
    const { proxy, server } = await pair(t, right(replacedBy('-WRONGPASS no\r\n')), {
      credentials: { user: null, password: 'secret' },
    });
    assert.equal(await proxy.get('a').settled(), 'server_wrongpass');
    assert.equal(proxy.get('b').failure, 'server_wrongpass');
    await waitFor(() => server.connections.length >= 3, { what: 'further attempts' });
    assert.equal(proxy.log.lines.filter(line => line.startsWith('error')).length, 1);
  });
});

describe('a request that is overdue', () => {
  test('fails with all behind it, and its late reply reaches nobody', async t => {
    const gate = held();
    const { server, proxy } = await pair(t, right(inTurn(gate.delivery)), { timeoutMs: 60 });
    assert.deepEqual(await settledAll(['a', 'b'].map(key => proxy.get(key))), ['timed_out', 'timed_out']);
    assert.equal(proxy.stats.serverTimedout, 1);
    gate.release();
    server.handler = right();
    assert.deepEqual(await settledAll(['c', 'd'].map(key => proxy.get(key))), [bulk('c'), bulk('d')]);
    assert.equal(server.connections.length, 2);
    assert.equal(proxy.stats.serverConnections, 1);
  });

  test('is one also when half of the reply is there', async t => {
    const { proxy } = await pair(
      t,
      right((socket, reply) => void socket.write(reply.subarray(0, 5))),
      { timeoutMs: 60 },
    );
    const answer = proxy.get('abc');
    assert.equal(await answer.settled(), 'timed_out');
    assert.equal(answer.text, '$3\r\na');
  });

  test('costs a server that goes on answering nothing: the others get their replies over the same connection', async t => {
    const options = { timeoutMs: 500, autoEject: true, failureLimit: 1 };
    const gate = Promise.withResolvers<void>();
    // The second reply says something all the time, and ends when we say so.
    const { server, proxy } = await pair(
      t,
      right(inTurn(inOnePiece, drippingUntil(gate.promise), inOnePiece)),
      options,
    );
    const first = proxy.get('key0');
    assert.equal(await first.settled(), bulk('key0'));
    const answers = ['k'.repeat(10_000), 'key2', 'key3'].map(key => proxy.get(key));
    assert.equal(await answers[2]!.settled(), 'timed_out');
    gate.resolve();
    const outcomes = await settledAll(answers);
    assert.deepEqual(proxy.moves, []);
    await waitFor(() => proxy.backend.snapshot().outQueue === 0, { what: 'the late replies' });
    assert.equal(await proxy.get('z').settled(), bulk('z'));
    assert.equal(server.connections.length, 1);
    assert.equal(proxy.stats.serverTimedout, outcomes.filter(outcome => outcome === 'timed_out').length);
  });

  test('is one also while the handshake hangs', async t => {
    const { proxy } = await pair(t, right(never), { timeoutMs: 60, credentials: { user: null, password: 'secret' } });
    assert.equal(await proxy.get('a').settled(), 'timed_out');
    assert.equal(proxy.get('b').failure, 'timed_out', 'at once: the server is down');
    assert.equal(proxy.stats.serverConnections, 0);
  });
});

describe('bounds', () => {
  test('requests above max_inflight fail at once, and the others are answered', async t => {
    const gate = held();
    const { proxy } = await pair(t, right(gate.delivery), { maxInflight: 2 });
    const [a, b, c] = ['a', 'b', 'c'].map(key => proxy.get(key)) as [Answer, Answer, Answer];
    assert.equal(c.failure, 'overloaded');
    gate.release();
    assert.deepEqual(await settledAll([a, b]), [bulk('a'), bulk('b')]);
    assert.equal(proxy.stats.failures.overloaded, 1);
  });

  test('requests to a server that reads nothing fail at once above server_output_limit', async t => {
    const { proxy } = await pair(t, connection => void connection.socket.pause(), { outputLimitBytes: 1 << 20 });
    const value = Buffer.from(`*2\r\n$3\r\nGET\r\n$100000\r\n${'x'.repeat(100_000)}\r\n`);
    let sent = 0;
    for (let failure: string | null = null; failure === null; sent++) {
      failure = proxy.send(value).failure;
      if (sent % 8 === 0) await new Promise(resolve => setImmediate(resolve));
      assert.ok(sent < 1000);
    }
    assert.ok(proxy.backend.snapshot().inQueueBytes < (1 << 20) + value.length);
    assert.equal(proxy.stats.failures.overloaded, 1);
  });
});

describe('the end', () => {
  test('close fails what is inflight, and what comes after it', async t => {
    const { proxy } = await pair(t, right(never));
    await untilConnections(proxy, 0);
    const answers = ['a', 'b'].map(key => proxy.get(key));
    await untilConnections(proxy, 1);
    proxy.backend.close();
    assert.deepEqual(await settledAll(answers), ['no_backend', 'no_backend']);
    assert.equal(proxy.get('c').failure, 'no_backend');
    assert.equal(proxy.stats.serverConnections, 0);
  });

  test('a backend that retires answers what is inflight first', async t => {
    const gate = held();
    const { proxy, server } = await pair(t, right(gate.delivery));
    const answers = ['a', 'b'].map(key => proxy.get(key));
    await server.untilRequests(2);
    let isRetired = false;
    proxy.backend.retire(5000, () => {
      isRetired = true;
    });
    assert.equal(isRetired, false);
    gate.release();
    assert.deepEqual(await settledAll(answers), [bulk('a'), bulk('b')]);
    await waitFor(() => isRetired, { what: 'the end of the backend' });
    assert.equal(proxy.stats.serverConnections, 0);
  });
});
