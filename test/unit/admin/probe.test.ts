import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type ProbeTarget, probe } from '../../../src/admin/probe.ts';
import { type Handler, startFakeBackend } from '../../support/fake-backend.ts';
import { freePort } from '../../support/free-port.ts';
import { startMemcached } from '../../support/memcached-server.ts';
import { startRedis } from '../../support/redis-server.ts';

const TIMEOUT_MS = 5000;

function target(protocol: ProbeTarget['protocol'], port: number): ProbeTarget {
  return { protocol, address: { host: '127.0.0.1', port } };
}

async function fake(t: TestContext, handler: Handler): Promise<number> {
  const backend = await startFakeBackend(handler);
  t.after(() => backend.close());
  return backend.port;
}

const answering =
  (bytes: string): Handler =>
  ({ socket }) =>
    void socket.write(bytes);

describe('real servers are reachable', () => {
  test('redis, over TCP and over a unix socket', async t => {
    const redis = await startRedis({ hasUnixSocket: true });
    t.after(() => redis.stop());
    assert.equal(await probe(target('redis', redis.port), TIMEOUT_MS), null);
    assert.equal(await probe({ protocol: 'redis', address: { path: redis.socketPath } }, TIMEOUT_MS), null);
  });

  test('redis that wants a password', async t => {
    const redis = await startRedis({ requirepass: 'secret' });
    t.after(() => redis.stop());
    assert.equal(await probe(target('redis', redis.port), TIMEOUT_MS), null);
  });

  test('memcached', async t => {
    const memcached = await startMemcached();
    t.after(() => memcached.stop());
    assert.equal(await probe(target('memcached', memcached.port), TIMEOUT_MS), null);
  });
});

describe('a server is not reachable', () => {
  test('when nothing listens there', async () => {
    assert.equal(await probe(target('redis', await freePort()), TIMEOUT_MS), 'Connection refused (ECONNREFUSED)');
    const address = { path: '/nonexistent/redis.sock' };
    assert.equal(await probe({ protocol: 'redis', address }, TIMEOUT_MS), 'Connection refused (ENOENT)');
  });

  test('when its name does not resolve', async () => {
    const address = { host: 'no-such-host.invalid', port: 1 };
    assert.match(
      (await probe({ protocol: 'redis', address }, TIMEOUT_MS)) ?? '',
      /^Host is down \((ENOTFOUND|EAI_AGAIN)\)$/,
    );
  });

  test('when it accepts and stays silent', async t => {
    const port = await fake(t, () => {});
    assert.equal(await probe(target('redis', port), 50), 'no answer to PING within 50 ms');
    assert.equal(await probe(target('memcached', port), 50), 'no answer to version within 50 ms');
  });

  test('when it closes or resets the connection', async t => {
    const closing = await fake(t, ({ socket }) => void socket.end());
    assert.equal(await probe(target('redis', closing), TIMEOUT_MS), 'closed the connection without an answer to PING');
    const resetting = await fake(t, ({ socket }) => void socket.resetAndDestroy());
    assert.equal(await probe(target('redis', resetting), TIMEOUT_MS), 'Connection reset by peer (ECONNRESET)');
  });

  test('when it speaks another protocol', async t => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const memcached = await startMemcached();
    t.after(() => memcached.stop());
    assert.match((await probe(target('memcached', redis.port), TIMEOUT_MS)) ?? '', /^not a memcached server: .*ERR/);
    assert.equal(
      await probe(target('redis', memcached.port), TIMEOUT_MS),
      'not a redis server: PING was answered with "ERROR"',
    );
  });

  test('when it sends no line but bytes without end', async t => {
    const port = await fake(t, answering('x'.repeat(100_000)));
    assert.match(
      (await probe(target('redis', port), TIMEOUT_MS)) ?? '',
      /^not a redis server: PING was answered with "x/,
    );
  });

  for (const line of [
    '-LOADING Redis is loading the dataset in memory',
    "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    '-DENIED Redis is running in protected mode',
    '-ERR max number of clients reached',
  ]) {
    test(`when it answers ${line}`, async t => {
      const port = await fake(t, answering(`${line}\r\n`));
      assert.equal(await probe(target('redis', port), TIMEOUT_MS), `it answers ${JSON.stringify(line)}`);
    });
  }
});

test('an answer in single bytes is an answer', async t => {
  const port = await fake(t, async ({ socket }) => {
    for (const byte of '+PONG\r\n') {
      socket.write(byte);
      await new Promise(setImmediate);
    }
  });
  assert.equal(await probe(target('redis', port), TIMEOUT_MS), null);
});

describe('with what the pool says to its servers', () => {
  const ask = (port: number, password: string | null) => {
    const credentials = password === null ? null : { user: null, password };
    return probe({ ...target('redis', port), credentials }, TIMEOUT_MS);
  };

  test('the right password, and none where none is wanted', async t => {
    const redis = await startRedis({ requirepass: 'sécret' });
    t.after(() => redis.stop());
    assert.equal(await ask(redis.port, 'sécret'), null);
    const open = await startRedis();
    t.after(() => open.stop());
    assert.equal(await ask(open.port, null), null);
  });

  test('a wrong one, or none where one is wanted, is a refusal and stands in no message', async t => {
    const redis = await startRedis({ requirepass: 'secret' });
    t.after(() => redis.stop());
    const wrong = await ask(redis.port, 'geheim');
    assert.match(wrong ?? '', /^it answers "-WRONGPASS /);
    assert.doesNotMatch(wrong ?? '', /geheim/);
    assert.match((await ask(redis.port, null)) ?? '', /^it answers "-NOAUTH /);
  });

  test('a server that is busy, or still loads, serves nobody', async t => {
    for (const line of ['-LOADING Redis is loading the dataset in memory', '-BUSY Redis is busy running a script.']) {
      const port = await fake(t, answering(`${line}\r\n`));
      assert.equal(await ask(port, null), `it answers ${JSON.stringify(line)}`);
    }
  });

  test('a server that says nothing after AUTH', async t => {
    let chunks = 0;
    const port = await fake(t, ({ socket }) => void (chunks++ === 0 && socket.write('+OK\r\n')));
    const why = await probe({ ...target('redis', port), credentials: { user: null, password: 'x' } }, 50);
    assert.equal(why, 'no answer to PING within 50 ms');
  });
});

test('a probe that nobody waits for any longer ends at once', async t => {
  const port = await fake(t, () => {});
  const abort = new AbortController();
  const asked = probe(target('redis', port), TIMEOUT_MS, abort.signal);
  abort.abort();
  assert.equal(await asked, 'not asked any longer');
});
