// Commands that wait at their server: nothing that the server gives is lost, whoever leaves.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

async function start(t: TestContext, settings: readonly string[] = [], root: readonly string[] = []) {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'redis', servers: [server.port], settings } },
    { settings: root },
  );
  const client = async (): Promise<RawClient> => {
    const connected = await daemon.client('p');
    t.after(() => connected.destroy());
    return connected;
  };
  return { server, daemon, client };
}

/** Resolves once so many clients wait at the server. */
async function untilBlocked(server: RedisServer, count: number): Promise<void> {
  const blocked = async () =>
    Number(/blocked_clients:(\d+)/.exec(String(await server.command('INFO', 'clients')))?.[1]);
  await waitFor(async () => (await blocked()) === count, { what: `${count} blocked clients` });
}

test('whoever waits is given what comes, in the order in which they came', async t => {
  const { server, client } = await start(t);
  const waiting = await Promise.all([client(), client(), client()]);
  for (const [i, each] of waiting.entries()) {
    each.send(encodeCommand('BLPOP', 'l', '0'));
    await untilBlocked(server, i + 1);
  }
  const other = await client();
  for (const [i, each] of waiting.entries()) {
    assert.equal(await other.command('RPUSH', 'l', `x${i}`), 1);
    assert.equal((await each.readReply()).toString(), `*2\r\n$1\r\nl\r\n$2\r\nx${i}\r\n`);
  }
});

test('what a client asks behind a command that waits is done after it', async t => {
  const { server, client } = await start(t);
  const one = await client();
  one.send(
    Buffer.concat([encodeCommand('SET', 'k', '1'), encodeCommand('BRPOP', 'l', '0'), encodeCommand('GET', 'k')]),
  );
  assert.equal((await one.readReply()).toString(), '+OK\r\n');
  await untilBlocked(server, 1);
  const other = await client();
  await other.command('SET', 'k', '2');
  await other.command('LPUSH', 'l', 'a');
  assert.deepEqual((await one.readReplies(2)).map(String), ['*2\r\n$1\r\nl\r\n$1\r\na\r\n', '$1\r\n2\r\n']);
});

for (const how of ['destroy', 'end', 'reset'] as const) {
  test(`of a client that leaves while it waits (${how}) nothing is popped`, async t => {
    const { server, client } = await start(t);
    const gone = await client();
    gone.send(encodeCommand('BLPOP', 'l', '0'));
    await untilBlocked(server, 1);
    // More than it may have pending, so that it is not read for requests any more.
    for (let i = 0; i < 100; i++) gone.send(encodeCommand('GET', 'k'));
    gone[how]();
    await untilBlocked(server, 0);
    const other = await client();
    assert.equal(await other.command('RPUSH', 'l', 'a'), 1);
    assert.equal(await other.command('LLEN', 'l'), 1);
  });
}

test("the pool's timeout begins where the command's own ends", async t => {
  const { server, client } = await start(t, ['timeout: 1500ms']);
  const one = await client();
  assert.equal(await one.command('BLPOP', 'l', '0.5'), null);
  one.send(encodeCommand('BLPOP', 'l', '0.2'));
  await untilBlocked(server, 1);
  server.freeze();
  assert.match((await one.readReply()).toString(), /^-ERR Connection timed out/);
  server.thaw();
  assert.equal(await one.command('PING'), 'PONG');
});

test('a worker that leaves lets go of clients that wait, and nothing is lost', async t => {
  const { server, daemon, client } = await start(t, [], ['shutdown_timeout: 30s']);
  const waiting = await Promise.all([client(), client()]);
  for (const each of waiting) each.send(encodeCommand('BLPOP', 'l', '0'));
  await untilBlocked(server, 2);
  daemon.ringmaster.signal('SIGUSR2');
  for (const each of waiting) assert.equal((await each.readToEnd()).toString(), '');
  await untilBlocked(server, 0);
  const other = await client();
  assert.equal(await other.command('RPUSH', 'l', 'a'), 1);
  assert.equal(await other.command('LLEN', 'l'), 1);
});

test('a server that is lost fails who waits there', async t => {
  const { server, client } = await start(t);
  const one = await client();
  one.send(encodeCommand('BLPOP', 'l', '0'));
  await untilBlocked(server, 1);
  await server.kill();
  assert.match((await one.readReply()).toString(), /^-ERR Connection /);
});

test('elements popped by many while workers are killed: each is there once, or was popped by one', {
  timeout: 120_000,
}, async t => {
  const { server, daemon, client } = await start(t);
  const popped: string[] = [];
  const errors: string[] = [];
  let isOver = false;
  let lost = 0;
  const consume = async () => {
    while (!isOver) {
      const each = await client().catch(() => null);
      try {
        while (each !== null && !isOver) {
          each.send(encodeCommand('BLPOP', 'q', '0.1'));
          const reply = parseReply(await each.readReply());
          if (Array.isArray(reply)) popped.push(String(reply[1]));
          else if (reply !== null) errors.push(String(reply));
        }
      } catch {
        // It was cut off; an element that was on its way to it is lost as with a server that its client left.
        lost++;
      }
      each?.destroy();
    }
  };
  t.after(() => {
    isOver = true;
  });
  const consumers = Array.from({ length: 8 }, consume);
  const direct = await server.client();
  t.after(() => direct.destroy());
  const total = 400;
  for (let i = 0; i < total; i++) {
    await direct.command('RPUSH', 'q', `e${i}`);
    if (i % 100 === 50) {
      await daemon.ringmaster.killWorker();
    }
  }
  await waitFor(async () => (await direct.command('LLEN', 'q')) === 0, { what: 'an empty queue' });
  isOver = true;
  await Promise.all(consumers);
  assert.deepEqual(errors, []);
  assert.equal(new Set(popped).size, popped.length, 'none was delivered twice');
  assert.ok(popped.length >= total - lost, `${total - popped.length} are missing, and ${lost} clients were cut off`);
});

test('WAIT counts what its client has written on connections that it shares', async t => {
  const { server, client } = await start(t);
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
  t.after(() => replica.kill());
  await server.command('CONFIG', 'SET', 'repl-diskless-sync-delay', 0);
  const isAttached = async () => /state=online/.test(String(await server.command('INFO', 'replication')));
  await waitFor(isAttached, { what: 'the replica' });
  const asker = await client();
  await asker.command('SET', 'k', '1');
  // Its connection is there, and is used again.
  assert.equal(await asker.command('WAIT', 1, 0), 1);
  replica.freeze();
  await asker.command('SET', 'k', '2');
  assert.equal(await asker.command('WAIT', 1, 100), 0);
  replica.thaw();
  assert.equal(await asker.command('WAIT', 1, 0), 1);
});
