import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import { FakeFrontend, type SentRequest } from '../../../support/fake-pool.ts';
import { encodeCommand } from '../../../support/resp-reader.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';
import { waitFor, within } from '../../../support/wait-for.ts';

const get = (key: string) => encodeCommand('GET', key).toString('latin1');
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

/** A frontend with one backend and one client. */
async function single(t: TestContext, limits: ConstructorParameters<typeof FakeFrontend>[1] = {}) {
  const frontend = new FakeFrontend(1, limits);
  const backend = frontend.backend(0);
  const { client, far, socket, isPaused } = await frontend.connect(t);
  const arrived = (count: number) =>
    waitFor(() => backend.sent.length >= count, { what: `${count} requests`, everyMs: 0 });
  return { frontend, backend, client, far, socket, isPaused, arrived, stats: frontend.stats };
}

test('what a session keeps of its client is counted', async t => {
  const { client, far } = await single(t);
  const before = client.memoryBytes;
  for (const words of [
    ['SETNAME', 'n'.repeat(1000)],
    ['SETINFO', 'LIB-NAME', 'l'.repeat(100)],
    ['SETINFO', 'LIB-VER', '1234'],
  ]) {
    far.send(encodeCommand('CLIENT', ...words));
    assert.equal(String(await far.readReply()), '+OK\r\n');
  }
  await waitFor(() => client.memoryBytes === before + 1104, { what: 'its bytes to be counted' });
});

describe('replies leave in the order of the requests', () => {
  test('whatever order, pieces and failures the servers come up with', async t => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const frontend = new FakeFrontend(4);
      const { far } = await frontend.connect(t);
      const count = 60;
      const keys = Array.from({ length: count }, (_, i) => `${random.between(0, 3)}:${i}`);
      // Some are answered by the proxy itself.
      const isLocal = keys.map(() => random.chance(0.2));
      far.send(keys.map((key, i) => (isLocal[i] ? encodeCommand('ECHO', key) : encodeCommand('GET', key))).join(''));
      const forwarded = isLocal.filter(local => !local).length;
      const { backends } = frontend.pool;
      await waitFor(() => backends.reduce((sum, { sent }) => sum + sent.length, 0) === forwarded, {
        what: 'all requests at the backends',
      });
      const wanted = keys.map(bulk);
      const open: { sent: SentRequest; key: string }[] = backends.flatMap(({ sent }) =>
        sent.map(each => ({ sent: each, key: each.text.split('\r\n')[4] as string })),
      );
      for (const { sent, key } of random.sample(open, open.length)) {
        if (random.chance(0.1)) {
          sent.fail('timed_out');
          wanted[keys.indexOf(key)] = '-ERR Connection timed out\r\n';
        } else sent.reply(bulk(key), random.between(1, 12));
        if (random.chance(0.3)) await setImmediate();
      }
      const want = wanted.join('');
      assert.equal((await far.readUntil(want.length)).toString('latin1'), want, `seed ${seed}`);
      assert.equal(far.unread().length, 0);
      assert.equal(frontend.stats.requests, count);
      assert.equal(frontend.stats.responses, count);
      assert.equal(frontend.stats.responseBytes, want.length);
    }
  });

  test('a request that fails before it is sent does not overtake one that waits', async t => {
    const frontend = new FakeFrontend(2);
    const { far } = await frontend.connect(t);
    frontend.backend(1).failsWith = 'connection_refused';
    far.send(get('0a') + get('1b') + get('0c'));
    await waitFor(() => frontend.backend(0).sent.length === 2, { what: 'two requests' });
    frontend.backend(0).sent[1]!.reply(bulk('c'));
    frontend.backend(0).sent[0]!.reply(bulk('a'));
    const want = `${bulk('a')}-ERR Connection refused\r\n${bulk('c')}`;
    assert.equal((await far.readUntil(want.length)).toString(), want);
    assert.equal(frontend.stats.forwardError, 1);
  });

  test('a split request that fails is one error, in however many parts', async t => {
    const frontend = new FakeFrontend(2);
    const { far } = await frontend.connect(t);
    for (const index of [0, 1]) frontend.backend(index).failsWith = 'connection_refused';
    far.send(encodeCommand('MGET', '0a', '1b'));
    assert.equal((await far.readReply()).toString(), '-ERR Connection refused\r\n');
    assert.equal(frontend.stats.forwardError, 1);
  });

  test('a noreply request is answered by nothing, and its error neither', async t => {
    const frontend = new FakeFrontend(1, {}, memcachedProtocol);
    const { far } = await frontend.connect(t);
    far.send('set 0a 0 0 1 noreply\r\nx\r\nget 0a\r\nset 0b 0 0 1 noreply\r\nx\r\nshutdown\r\n');
    const backend = frontend.backend(0);
    await waitFor(() => backend.sent.length === 3, { what: 'three requests' });
    backend.take().reply('STORED\r\n', 3);
    backend.take().reply('VALUE 0a 0 1\r\nx\r\nEND\r\n');
    backend.take().fail('timed_out');
    const shutdown = 'ERROR: shutdown not enabled\r\n';
    assert.equal((await far.readUntil(shutdown)).toString(), `VALUE 0a 0 1\r\nx\r\nEND\r\n${shutdown}`);
  });
});

describe('requests in pieces', () => {
  const pipeline = `${get('0one')}PING\r\n${encodeCommand('SET', '0two', 'x'.repeat(300))}${get('0three')}`;

  test('are put together at every split', async t => {
    for (let split = 1; split < pipeline.length; split += 7) {
      const { far, backend, arrived, frontend } = await single(t);
      far.send(pipeline.slice(0, split));
      await waitFor(() => frontend.stats.requestBytes === split, { what: 'the first piece', everyMs: 0 });
      far.send(pipeline.slice(split));
      await arrived(3);
      assert.deepEqual(
        backend.sent.map(sent => sent.text),
        [get('0one'), encodeCommand('SET', '0two', 'x'.repeat(300)).toString(), get('0three')],
      );
      far.destroy();
    }
  });

  test('are put together from single bytes', async t => {
    const { far, backend, arrived, frontend } = await single(t);
    for (const [i, byte] of [...pipeline].entries()) {
      far.send(byte);
      await waitFor(() => frontend.stats.requestBytes === i + 1, { what: `byte ${i}`, everyMs: 0 });
    }
    await arrived(3);
    assert.equal(backend.sent[2]!.text, get('0three'));
    assert.equal(frontend.stats.requests, 4);
  });

  test('whose first piece is over the limit already are refused, and nothing of them is taken for a command', async t => {
    const { far, backend, frontend } = await single(t, { maxRequestBytes: 1024 });
    far.send('x'.repeat(5000));
    await waitFor(() => frontend.stats.requestBytes === 5000, { what: 'the first piece' });
    far.send(`y\r\n${get('0a')}`);
    const reply = (await far.readToEnd()).toString();
    assert.match(reply, /^-ERR Protocol error: [^\r]+\r\n$/);
    assert.equal(backend.sent.length, 0);
  });

  test('that grow over the limit are refused', async t => {
    const { far, backend, frontend } = await single(t, { maxRequestBytes: 1024 });
    for (let sent = 0; sent < 5; sent++) {
      far.send('x'.repeat(250));
      await waitFor(() => frontend.stats.requestBytes === (sent + 1) * 250, { what: 'the piece' });
    }
    assert.match((await far.readToEnd()).toString(), /^-ERR Protocol error: [^\r]+\r\n$/);
    assert.equal(backend.sent.length, 0);
  });

  test('go by new limits when these change in between', async t => {
    const value = 'x'.repeat(3000);
    const set = encodeCommand('SET', '0a', value).toString();
    const { far, backend, arrived, frontend } = await single(t, { maxRequestBytes: 1024 });
    // The framer is made while the limit is low …
    far.send('PI');
    await waitFor(() => frontend.stats.requestBytes === 2, { what: 'the first piece' });
    far.send('NG\r\n');
    await far.readLine();
    // … and meets requests that only the new one allows.
    frontend.setLimits({ maxRequestBytes: 8192 });
    for (const split of [20, 40, 1500]) {
      const before = frontend.stats.requestBytes;
      far.send(set.slice(0, split));
      await waitFor(() => frontend.stats.requestBytes === before + split, { what: 'the first piece' });
      far.send(set.slice(split) + get('0b'));
      await arrived(2);
      assert.equal(backend.take().text, set);
      assert.equal(backend.take().text, get('0b'));
    }
  });
});

describe('a client that is ahead of its replies', () => {
  test('is not read from above max_pipeline, and read again as replies leave', async t => {
    const { far, backend, arrived, stats } = await single(t, { maxPipeline: 3 });
    const count = 20;
    far.send(Array.from({ length: count }, (_, i) => get(`0${i}`)).join(''));
    for (let i = 0; i < count; i++) {
      await arrived(Math.min(3, count - i));
      await setImmediate();
      assert.ok(backend.sent.length <= 3);
      backend.take().reply(bulk(String(i)));
      assert.equal((await far.readReply()).toString(), bulk(String(i)));
    }
    assert.equal(stats.requestBytes, Array.from({ length: count }, (_, i) => get(`0${i}`)).join('').length);
  });

  test('goes on when the kernel has taken what was unsent, with a buffer smaller than a socket has', async t => {
    const { far, frontend, arrived, backend, isPaused } = await single(t, { bufferBytes: 16 * 1024 });
    far.pause();
    // Longer than that buffer, and shorter than a socket's own.
    const value = bulk('v'.repeat(50_000));
    let replies = 0;
    for (;;) {
      const before = frontend.stats.requests;
      far.send(get('0a'));
      await waitFor(() => isPaused() || frontend.stats.requests > before, { what: 'the request', everyMs: 0 });
      if (isPaused()) break;
      backend.take().reply(value);
      replies++;
    }
    assert.equal(backend.sent.length, 0);
    far.resume();
    for (let i = 0; i < replies; i++) assert.equal((await far.readReply()).length, value.length);
    await arrived(1);
    backend.take().reply(value);
    assert.equal((await far.readReply()).length, value.length);
  });

  test('goes on when the last reply is written in the same turn in which it was found to be too much', async t => {
    const frontend = new FakeFrontend(1, { maxPipeline: 2, bufferBytes: 16 * 1024 }, memcachedProtocol);
    const { far } = await frontend.connect(t);
    const backend = frontend.backend(0);
    far.send('set 0a 0 0 1 noreply\r\nx\r\nget 0a\r\nget 0b\r\n');
    await waitFor(() => backend.sent.length === 2, { what: 'two requests' });
    const value = `VALUE 0a 0 20000\r\n${'x'.repeat(20_000)}\r\nEND\r\n`;
    // The first wakes the client without writing anything, the second puts it over its bounds until the turn's end.
    backend.take().reply('STORED\r\n');
    backend.take().reply(value);
    await waitFor(() => backend.sent.length === 1, { what: 'the third request' });
    assert.equal((await far.readUntil(value.length)).toString(), value);
  });

  test('is cut off, once, when the replies that wait for their turn grow over client_output_limit', async t => {
    const { far, backend, arrived, stats, frontend } = await single(t, { outputLimitBytes: 64 * 1024 });
    far.send(Array.from({ length: 60 }, (_, i) => get(`0${i}`)).join(''));
    await arrived(60);
    const [, ...later] = backend.sent;
    // The first is not answered, so nothing may leave.
    for (const sent of later) sent.reply(bulk('v'.repeat(2000)));
    await waitFor(() => frontend.gone.length === 1, { what: 'the end of the client' });
    assert.equal(stats.outputLimitCloses, 1);
    assert.equal(frontend.log.lines.filter(line => /cut off/.test(line)).length, 1);
    assert.equal(stats.clientConnections, 0);
  });

  test('is cut off when the fragments of a single request grow over it', async t => {
    const frontend = new FakeFrontend(2, { outputLimitBytes: 64 * 1024 });
    const { far } = await frontend.connect(t);
    far.send(encodeCommand('MGET', '0a', '1b'));
    await waitFor(() => frontend.backend(1).sent.length === 1, { what: 'the fragments' });
    frontend
      .backend(0)
      .take()
      .replyPart(Buffer.from(`*1\r\n$100000\r\n${'x'.repeat(70_000)}`));
    await waitFor(() => frontend.gone.length === 1, { what: 'the end of the client' });
    assert.equal(frontend.stats.outputLimitCloses, 1);
  });

  test('that stops reading is not read from, and cut off at client_output_limit', async t => {
    const { far, backend, arrived, stats, socket } = await single(t, { outputLimitBytes: 1 << 20 });
    far.pause();
    far.send(Array.from({ length: 60 }, () => get('0a')).join(''));
    await arrived(60);
    let replied = 0;
    const value = bulk('v'.repeat(250_000));
    while (stats.outputLimitCloses === 0) {
      backend.take().reply(value);
      replied += value.length;
      await setImmediate();
    }
    assert.equal(socket.isDestroyed, true);
    assert.ok(replied < 16 << 20, `${replied} bytes until it was cut off`);
    far.resume();
    await within(far.closed, { what: 'the end of the client' });
  });
});

describe('a client that asks for much', () => {
  /** Answers what is there, over and over, until `count` requests were; the most that were awaited at once, from the first on. */
  async function answerAll(backend: { sent: SentRequest[]; take(): SentRequest }, count: number, value: string) {
    const most: number[] = [];
    for (let answered = 0; answered < count; ) {
      await waitFor(() => backend.sent.length > 0, { what: `request ${answered}`, everyMs: 0 });
      await setImmediate();
      most.push(backend.sent.length);
      for (let i = backend.sent.length; i > 0; i--, answered++) backend.take().reply(value);
    }
    return most;
  }

  test('awaits few replies before it is known how large they are, and soon as many as max_pipeline', async t => {
    const { far, backend } = await single(t, { maxPipeline: 1000 });
    const count = 5000;
    far.send(get('0a').repeat(count));
    const [first, ...more] = await answerAll(backend, count, bulk('v'));
    assert.equal(first, 64);
    assert.ok(more.every(most => most <= 1000));
    assert.ok(Math.max(...more) === 1000, `${more}`);
    assert.equal((await far.readUntil(count * bulk('v').length)).length, count * bulk('v').length);
  });

  test('awaits as many large replies as fill client_buffer, or four', async t => {
    const { far, backend } = await single(t, { bufferBytes: 1 << 20 });
    for (const [size, limit] of [
      [100_000, 11],
      [1_000_000, 4],
    ] as const) {
      const value = bulk('v'.repeat(size));
      const count = 60;
      const [, reading] = await Promise.all([
        far.readUntil(count * value.length),
        (async () => {
          far.send(get('0a').repeat(count));
          return answerAll(backend, count, value);
        })(),
      ]);
      // The first ones were asked for before a reply of this size was seen.
      assert.ok(
        reading.slice(1).every(most => most <= limit),
        `${reading} at a time, of ${size} bytes`,
      );
    }
  });
});

describe('a half-closed client', () => {
  test('gets what is pending, then our end', async t => {
    const { far, backend, arrived, frontend } = await single(t);
    far.send(get('0a') + get('0b'));
    far.end();
    await arrived(2);
    backend.take().reply(bulk('a'));
    await setImmediate();
    backend.take().reply(bulk('b'), 1);
    assert.equal((await far.readToEnd()).toString(), bulk('a') + bulk('b'));
    await waitFor(() => frontend.gone.length === 1, { what: 'the connection to be gone' });
    assert.equal(frontend.stats.clientEof, 1);
  });

  test('gets the replies to all that it sent, also when it is not read from at the moment', async t => {
    const { far, backend, frontend } = await single(t, { maxPipeline: 2, bufferBytes: 16 * 1024 });
    const count = 500;
    far.send(Array.from({ length: count }, (_, i) => get(`0${i}`)).join(''));
    far.end();
    const answer = async () => {
      for (let i = 0; i < count; i++) {
        await waitFor(() => backend.sent.length > 0, { what: `request ${i}`, everyMs: 0 });
        backend.take().reply(bulk(String(i)));
      }
    };
    const [bytes] = await Promise.all([far.readToEnd(), answer()]);
    assert.equal(bytes.toString(), Array.from({ length: count }, (_, i) => bulk(String(i))).join(''));
    await waitFor(() => frontend.gone.length === 1, { what: 'the connection to be gone' });
  });

  test('with half a request gets the replies to the whole ones', async t => {
    const { far, backend, arrived } = await single(t);
    far.send(get('0a') + get('0b').slice(0, 9));
    far.end();
    await arrived(1);
    backend.take().reply(bulk('a'));
    assert.equal((await far.readToEnd()).toString(), bulk('a'));
    assert.equal(backend.sent.length, 0);
  });

  test('that sent nothing is closed', async t => {
    const { far, frontend } = await single(t);
    far.end();
    assert.equal((await far.readToEnd()).length, 0);
    await waitFor(() => frontend.gone.length === 1, { what: 'the connection to be gone' });
  });
});

describe('the end of a connection', () => {
  test('a long reply is passed on before it is whole; when it breaks off, so does the connection', async t => {
    const { far, backend, arrived, stats, frontend } = await single(t);
    far.send(get('0a') + get('0b'));
    await arrived(2);
    const [first, second] = [backend.take(), backend.take()];
    second.reply(bulk('b'));
    const part = Buffer.from(`$1000000\r\n${'x'.repeat(300_000)}`);
    first.replyPart(part);
    assert.equal((await far.readUntil(part.length)).length, part.length);
    first.fail('connection_reset');
    await within(far.closed, { what: 'the end of the client' });
    await waitFor(() => frontend.gone.length === 1, { what: 'our end' });
    assert.equal(far.unread().length, 0, 'not a byte of another reply or an error');
    assert.equal(stats.clientConnections, 0);
  });

  test('a short reply that breaks off becomes an error', async t => {
    const { far, backend, arrived } = await single(t);
    far.send(get('0a') + get('0b'));
    await arrived(2);
    const [first, second] = [backend.take(), backend.take()];
    first.replyPart(Buffer.from('$10\r\nhal'));
    second.reply(bulk('b'));
    first.fail('connection_reset');
    const want = `-ERR Connection reset by peer\r\n${bulk('b')}`;
    assert.equal((await far.readUntil(want.length)).toString(), want);
  });

  test('a client that left is told nothing, and nothing is kept for it', async t => {
    const { far, backend, arrived, frontend } = await single(t);
    far.send(get('0a') + get('0b'));
    await arrived(2);
    const [first, second] = [backend.take(), backend.take()];
    second.replyPart(Buffer.from('$10\r\nhal'));
    assert.equal(second.request.heldBytes, 8);
    far.reset();
    await waitFor(() => frontend.gone.length === 1, { what: 'the connection to be gone' });
    assert.equal(first.request.sink, null);
    assert.equal(second.request.heldBytes, 0);
    first.reply(bulk('a'));
    second.fail('timed_out');
    assert.equal(frontend.stats.responses, 0);
  });

  test('QUIT behind pending requests is answered after them, and what follows it is not read', async t => {
    const { far, backend, arrived } = await single(t);
    far.send(`${get('0a')}QUIT\r\n${get('0b')}`);
    await arrived(1);
    await setImmediate();
    assert.equal(backend.sent.length, 1);
    backend.take().reply(bulk('a'));
    assert.equal((await far.readToEnd()).toString(), `${bulk('a')}+OK\r\n`);
  });

  test('a drained client gets what is pending, and its own end is noticed though it was not read from', async t => {
    const { far, backend, client, arrived, frontend } = await single(t, { maxPipeline: 1 });
    far.send(get('0a') + get('0b'));
    await arrived(1);
    client.drain();
    assert.equal(frontend.gone.length, 0);
    backend.take().reply(bulk('a'));
    assert.equal((await far.readToEnd()).toString(), bulk('a'));
    // Well before the two seconds that a client which keeps its side open is given.
    await waitFor(() => frontend.gone.length === 1, { what: 'the connection to be gone', timeoutMs: 1000 });
    assert.equal(backend.sent.length, 0, 'what was not read before is not taken');
  });

  test('a drained client that is idle is closed at once', async t => {
    const { far, client, frontend } = await single(t);
    client.drain();
    assert.equal((await far.readToEnd()).length, 0);
    await waitFor(() => frontend.gone.length === 1, { what: 'the connection to be gone', timeoutMs: 1000 });
  });
});
