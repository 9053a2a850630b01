// CLIENT PAUSE and UNPAUSE: what waits, in which workers, and that all of it is done afterwards in its order.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { clientInEach, workerOf } from '../support/worker-clients.ts';

const FOR_EVER = '9223372036854775807';
const wire = (...lines: readonly string[]) => Buffer.concat(lines.map(line => encodeCommand(...line.split(' '))));

interface Started {
  readonly daemon: Daemon;
  readonly server: RedisServer;
  client(): Promise<RawClient>;
  /** One in each worker. */
  clients(): Promise<RawClient[]>;
}

async function start(t: TestContext): Promise<Started> {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers: 2 });
  const client = async () => {
    const connected = await daemon.client('pool', { timeoutMs: 20_000 });
    t.after(() => connected.destroy());
    return connected;
  };
  const clients = () => clientInEach(2, client);
  return { daemon, server, client, clients };
}

/** The reply to the first of these, which is a read; the others are parsed by then. */
async function asks(client: RawClient, ...lines: readonly string[]): Promise<void> {
  client.send(wire('PING', ...lines));
  assert.equal(String(await client.readReply()), '+PONG\r\n');
}

test('a pause of all is over by itself, and what was asked meanwhile is answered in its order', async t => {
  const { clients } = await start(t);
  const [one, other] = (await clients()) as [RawClient, RawClient];
  const startedAtMs = Date.now();
  assert.equal(await one.command('CLIENT', 'PAUSE', '800'), 'OK');
  for (const [i, client] of [one, other].entries())
    client.send(wire(`SET k${i} v`, `GET k${i}`, 'PING', 'CLIENT UNPAUSE'));
  for (const client of [one, other]) {
    const replies = (await client.readReplies(4)).map(String);
    assert.deepEqual(replies, ['+OK\r\n', '$1\r\nv\r\n', '+PONG\r\n', '+OK\r\n']);
    assert.ok(Date.now() - startedAtMs >= 800);
  }
});

test('a pause of writes holds up what may write, in all workers, until it is ended', async t => {
  const { server, client, clients } = await start(t);
  const both = await clients();
  await server.command('SET', 'r', 'read');
  const [first] = both as [RawClient];
  assert.equal(await first.command('CLIENT', 'PAUSE', FOR_EVER, 'WRITE'), 'OK');
  const held = ['SET k v', 'PUBLISH c m', 'EVAL return{} 0', 'PFCOUNT h', 'BLPOP l 0', 'DEL k', 'FLUSHALL'];
  const waiting = await Promise.all(held.map(() => client()));
  for (const [i, one] of waiting.entries()) await asks(one, held[i] as string, 'GET r');
  for (const one of both) {
    assert.equal(String(await one.command('GET', 'r')), 'read');
    assert.equal(await one.command('EXISTS', 'k'), 0);
    assert.ok(String(await one.command('CLIENT', 'LIST')).includes('flags=b'));
  }
  for (const one of waiting) assert.equal(one.unread().length, 0);
  assert.equal(await server.command('DBSIZE'), 1);
  assert.equal(await (both[1] as RawClient).command('CLIENT', 'UNPAUSE'), 'OK');
  const replies = ['+OK\r\n', ':0\r\n', '*0\r\n', ':0\r\n'];
  for (const [i, wanted] of replies.entries()) assert.equal(String(await waiting[i]?.readReply()), wanted);
  await server.command('LPUSH', 'l', 'x');
  assert.equal(String(await waiting[4]?.readReply()), '*2\r\n$1\r\nl\r\n$1\r\nx\r\n');
});

test('transactions wait where they write', async t => {
  const { server, client } = await start(t);
  const [reads, writes, began, whole, pauser] = await Promise.all([client(), client(), client(), client(), client()]);
  await asks(began, 'MULTI', 'SET a 1');
  assert.deepEqual((await began.readReplies(2)).map(String), ['+OK\r\n', '+QUEUED\r\n']);
  assert.equal(await pauser.command('CLIENT', 'PAUSE', FOR_EVER, 'WRITE'), 'OK');
  await asks(reads, 'MULTI', 'GET a', 'EXEC');
  assert.deepEqual((await reads.readReplies(3)).map(String), ['+OK\r\n', '+QUEUED\r\n', '*1\r\n$-1\r\n']);
  await asks(writes, 'MULTI', 'SET b 1', 'EXEC');
  assert.equal(String(await writes.readReply()), '+OK\r\n');
  await asks(whole, 'MULTI', 'GET a', 'INCR c', 'EXEC');
  assert.deepEqual((await whole.readReplies(2)).map(String), ['+OK\r\n', '+QUEUED\r\n']);
  began.send(wire('PING', 'EXEC', 'GET a'));
  assert.equal(String(await began.readReply()), '+QUEUED\r\n');
  assert.equal(await server.command('DBSIZE'), 0);
  for (const one of [writes, began, whole]) assert.equal(one.unread().length, 0);
  assert.equal(await pauser.command('CLIENT', 'UNPAUSE'), 'OK');
  assert.deepEqual((await writes.readReplies(2)).map(String), ['+QUEUED\r\n', '*1\r\n+OK\r\n']);
  assert.deepEqual((await began.readReplies(2)).map(String), ['*2\r\n+OK\r\n+PONG\r\n', '$1\r\n1\r\n']);
  const [queued, ran] = (await whole.readReplies(2)).map(String);
  assert.equal(queued, '+QUEUED\r\n');
  assert.match(ran as string, /^\*2\r\n\$(?:-1|1\r\n1)\r\n:1\r\n$/);
});

test('a request in pieces is held up once, whole, wherever it was split', async t => {
  const { server, client } = await start(t);
  const pauser = await client();
  assert.equal(await pauser.command('CLIENT', 'PAUSE', FOR_EVER, 'WRITE'), 'OK');
  const bytes = wire('APPEND k x', 'GET k');
  const split = await Promise.all(Array.from({ length: bytes.length - 1 }, () => client()));
  for (const [i, one] of split.entries()) {
    one.send(Buffer.concat([wire('PING'), bytes.subarray(0, i + 1)]));
    await one.readReply();
    one.send(bytes.subarray(i + 1));
  }
  const large = await client();
  const value = 'y'.repeat(3 << 20);
  const set = encodeCommand('SET', 'large', value);
  large.send(Buffer.concat([wire('PING'), set.subarray(0, 100)]));
  await large.readReply();
  large.send(set.subarray(100));
  large.send(wire('STRLEN large'));
  const isHeld = async () =>
    String(await pauser.command('CLIENT', 'LIST')).split('flags=b').length === split.length + 2;
  await waitFor(isHeld, { what: 'all to be held up' });
  assert.equal(await server.command('DBSIZE'), 0);
  assert.equal(await pauser.command('CLIENT', 'UNPAUSE'), 'OK');
  for (const one of split) assert.equal((await one.readReplies(2)).length, 2);
  assert.equal(await server.command('STRLEN', 'k'), split.length);
  assert.deepEqual((await large.readReplies(2)).map(String), ['+OK\r\n', `:${value.length}\r\n`]);
});

test('nothing is done for a client that left while it was held up', async t => {
  const { server, client } = await start(t);
  const [pauser, leaver, muted] = await Promise.all([client(), client(), client()]);
  assert.equal(await pauser.command('CLIENT', 'PAUSE', FOR_EVER, 'WRITE'), 'OK');
  await asks(leaver, 'SET gone 1');
  muted.send(wire('CLIENT REPLY SKIP', 'SET kept 1', 'GET kept'));
  leaver.destroy();
  await waitFor(async () => String(await pauser.command('CLIENT', 'LIST')).split('\n').length === 3, {
    what: 'two to be left',
  });
  assert.equal(await pauser.command('CLIENT', 'UNPAUSE'), 'OK');
  assert.equal(String(await muted.readReply()), '$1\r\n1\r\n');
  assert.equal(await server.command('EXISTS', 'gone'), 0);
});

test('a worker that starts meanwhile has the pause, too', async t => {
  const { server, client, clients } = await start(t);
  const both = await clients();
  const [survivor, victim] = both as [RawClient, RawClient];
  const pid = await workerOf(victim);
  const stays = await workerOf(survivor);
  assert.equal(await survivor.command('CLIENT', 'PAUSE', FOR_EVER, 'WRITE'), 'OK');
  process.kill(pid, 'SIGKILL');
  let late = await client();
  while ((await workerOf(late)) === stays) late = await client();
  await asks(late, 'SET k v');
  assert.equal(await server.command('EXISTS', 'k'), 0);
  assert.equal(await survivor.command('CLIENT', 'UNPAUSE'), 'OK');
  assert.equal(String(await late.readReply()), '+OK\r\n');
});

test('its errors, and that the longer and the wider of two are true, are those of a server', async t => {
  const { server, client } = await start(t);
  const one = await client();
  const direct = await server.client();
  t.after(() => direct.destroy());
  const lines = [
    'CLIENT PAUSE',
    'CLIENT PAUSE x',
    'CLIENT PAUSE -1',
    'CLIENT PAUSE 1.5',
    'CLIENT PAUSE 99999999999999999999',
    'CLIENT PAUSE 10 FOO',
    'CLIENT PAUSE 10 WRITE X',
    'CLIENT UNPAUSE x',
    'CLIENT PAUSE 0',
    'CLIENT PAUSE 0 write',
    'CLIENT UNPAUSE',
  ];
  for (const each of [one, direct]) each.send(wire(...lines));
  const [ours, theirs] = await Promise.all([one, direct].map(each => each.readReplies(lines.length)));
  assert.deepEqual(ours?.map(String), theirs?.map(String));
  assert.equal(await one.command('CLIENT', 'PAUSE', FOR_EVER, 'WRITE'), 'OK');
  assert.equal(await one.command('CLIENT', 'PAUSE', '1', 'WRITE'), 'OK');
  const writer = await client();
  await asks(writer, 'SET k v');
  assert.equal(await server.command('EXISTS', 'k'), 0);
  assert.equal(await one.command('CLIENT', 'UNPAUSE'), 'OK');
  assert.equal(String(await writer.readReply()), '+OK\r\n');
});
